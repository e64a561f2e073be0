import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

async function explain(args: readonly string[], cwd = '.') {
  const environment = aCliEnvironment({ cwd })
  const code = await runProgram(['explain', ...args], environment)
  return { code, stdout: environment.stdout.text, stderr: environment.stderr.text }
}

const kafka = ['--log', 'kafka://localhost:9092']

/** One stage of each kind that a guarantee depends on. */
const mixed = `pipeline: mixed
defaults:
  delivery: at_least_once
stages:
  - name: read
    source: stdin
    to: raw
  - name: clean
    from: [raw, elsewhere]
    steps:
      - trim: [country]
    to: clean
    hooks:
      - on: [record_dead_lettered, record_failed]
        do:
          log: { level: warn }
  - name: totals
    from: clean
    steps:
      - aggregate:
          by: value.country
          fields:
            n: count()
    to: totals
  - name: show
    from: clean
    sink: stdout
`

describe('millrace explain --guarantees', () => {
  it.each(
    ['orders', 'flights', 'bird-strikes', 'alerts'].flatMap((name) => [
      [name, 'embedded', []] as const,
      [name, 'kafka', kafka] as const,
    ]),
  )('says what holds for %s on %s', async (name, log, options) => {
    const { code, stdout } = await explain([`pipelines/${name}.yaml`, '--guarantees', ...options])
    expect(code).toBe(0)
    await expect(stdout).toMatchFileSnapshot(`../golden/explain/${name}-${log}.txt`)
  })

  it.each([
    ['embedded', []],
    ['kafka', kafka],
  ])(
    'says what a crash repeats and loses, and which link is to blame, on %s',
    async (log, options) => {
      const cwd = aFolder({ 'mixed.yaml': mixed })
      const { stdout } = await explain(['mixed.yaml', '--guarantees', ...options], cwd)
      await expect(stdout).toMatchFileSnapshot(`../golden/explain/mixed-${log}.txt`)
    },
  )

  it('fits into 80 columns, but for names that do not', async () => {
    const cwd = aFolder({ 'mixed.yaml': mixed })
    const { stdout } = await explain(['mixed.yaml', '--guarantees', ...kafka], cwd)
    const long = stdout.split('\n').filter((line) => line.length > 80 && !line.includes(' -> '))
    expect(long).toEqual([])
  })

  it('shows the stages too when it is not asked for the guarantees alone', async () => {
    const { stdout } = await explain(['pipelines/orders.yaml', ...kafka])
    expect(stdout).toMatch(/^pipeline orders\n/)
    expect(stdout).toContain('  state   orders.totals.changelog\n')
    expect(stdout).toContain('\nGuarantees of the pipeline orders on Kafka\n')
  })

  it('gives the same as JSON', async () => {
    const cwd = aFolder({ 'mixed.yaml': mixed })
    const { stdout } = await explain(['mixed.yaml', '--guarantees', '--json', ...kafka], cwd)
    const [found] = JSON.parse(stdout) as [{ outputs: { output: string }[] }]
    expect(found).toMatchObject({
      pipeline: 'mixed',
      log: 'kafka',
      hooks: [{ stage: 'clean', listener: 'log', guarantee: 'best_effort' }],
    })
    expect(found.outputs).toMatchObject([
      {
        output: 'totals',
        stage: 'totals',
        guarantee: 'best_effort',
        weakest: [{ stage: 'read' }, { stage: 'clean' }, { stage: 'clean' }],
        more_paths: false,
        paths: [
          {
            guarantee: 'best_effort',
            begins_outside: false,
            hops: [
              {
                stage: 'read',
                node: 'read',
                from: 'stdin',
                to: 'raw',
                guarantee: 'at_most_once',
                why: expect.any(String),
                after_crash: expect.any(String),
                drop_by: null,
              },
              { stage: 'clean' },
              { node: 'totals.repartition' },
              { node: 'totals' },
            ],
          },
          { begins_outside: true, guarantee: 'at_least_once' },
        ],
      },
      { output: 'stdout', stage: 'show' },
    ])
  })

  it('opens nothing, and explains no file with errors', async () => {
    const cwd = aFolder({ 'bad.yaml': 'pipeline: p\n' })
    expect(await explain(['bad.yaml', '--guarantees'], cwd)).toMatchObject({ code: 2, stdout: '' })
    expect(await explain([join(cwd, 'gone.yaml')])).toMatchObject({ code: 2, stdout: '' })
  })
})
