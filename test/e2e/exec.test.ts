import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CliProcess, millrace, Workspace } from './cli-process.ts'
import { exampleWorkspace } from './examples.ts'

const count = 4_000
const input = Array.from(
  { length: count },
  (_, n) => `${JSON.stringify({ n, k: `k${n % 40}` })}\n`,
).join('')

/** Answers each line after a little while, and keeps its process id in a file. */
const child = `
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
appendFileSync('pids', process.pid + '\\n')
for await (const line of createInterface({ input: process.stdin })) {
  const { id, value } = JSON.parse(line)
  if (value.n === Number(process.env.POISON ?? -1)) process.exit(3)
  if (value.n % 50 === 0) await new Promise((done) => setTimeout(done, 5))
  process.stdout.write(JSON.stringify({ id, value: { ...value, by: 'child' } }) + '\\n')
}
`

function workspaceOf(settings: readonly string[] = [], script = child): Workspace {
  const pipeline = `
pipeline: p
topics:
  one: { partitions: 2 }
stages:
  - name: ingest
    source: { file: in.ndjson }
    key: value.k
    to: one
  - name: work
    from: one
    concurrency: 2
    retry: { max: 2, backoff: { initial: 10ms, max: 100ms } }
    steps:
      - exec:
          argv: [${process.execPath}, child.mjs]
          settle: 300ms
${settings.map((line) => `          ${line}\n`).join('')}
    to: two
  - name: save
    from: two
    sink: { file: { path: out.ndjson, mode: overwrite } }
`
  return new Workspace({ 'p.yaml': pipeline, 'child.mjs': script, 'in.ndjson': input })
}

interface Row {
  readonly n: number
  readonly k: string
}

/** Each record once, those of one key in their order. */
function expectAll(rows: readonly Row[], without: readonly number[] = []): void {
  const wanted = Array.from({ length: count }, (_, n) => n).filter((n) => !without.includes(n))
  expect(rows.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(wanted)
  for (const ofKey of Map.groupBy(rows, ({ k }) => k).values()) {
    const order = ofKey.map(({ n }) => n)
    expect(order).toEqual(order.toSorted((a, b) => a - b))
  }
}

function rowsOf(workspace: Workspace): Row[] {
  return workspace.lines('out.ndjson').map((line) => JSON.parse(line) as Row)
}

function pidsOf(workspace: Workspace): number[] {
  return existsSync(workspace.path('pids')) ? workspace.lines('pids').map(Number) : []
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // One that has ended and was not waited for yet is alive to nobody.
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

async function expectNoneAlive(workspace: Workspace): Promise<void> {
  const deadline = Date.now() + 5_000
  while (pidsOf(workspace).some(isAlive) && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20))
  expect(pidsOf(workspace).filter(isAlive)).toEqual([])
}

describe('exec', () => {
  it('gives each result once when Millrace is killed with -9 again and again, and leaves no process', async () => {
    using workspace = workspaceOf()
    let kills = 0
    for (let pauseMs = 400; ; pauseMs += 150) {
      const started = new CliProcess(['run', 'p.yaml'], { cwd: workspace.folder })
      const killer = setTimeout(() => started.child.kill('SIGKILL'), pauseMs)
      const { code, signal, stderr } = await started.ended
      clearTimeout(killer)
      if (signal === null) {
        expect({ code, stderr }).toMatchObject({ code: 0 })
        break
      }
      kills += 1
    }
    expect(kills).toBeGreaterThan(1)
    expectAll(rowsOf(workspace))
    await expectNoneAlive(workspace)
  }, 120_000)

  it('starts a process again that was killed with -9, and loses and repeats nothing', async () => {
    using workspace = workspaceOf()
    const started = new CliProcess(['run', 'p.yaml'], { cwd: workspace.folder })
    let killed = 0
    const killer = setInterval(() => {
      const alive = pidsOf(workspace).filter(isAlive)
      if (killed >= 5 || alive.length === 0) return
      process.kill(alive.at(-1)!, 'SIGKILL')
      killed += 1
    }, 150)
    const { code, stderr } = await started.ended
    clearInterval(killer)
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(killed).toBeGreaterThan(0)
    expect(stderr).toContain('ended (signal SIGKILL)')
    expectAll(rowsOf(workspace))
    expect(stderr).not.toContain('dead_lettered')
  }, 120_000)

  it('dead-letters a record that every process ends on, and goes on with the others', async () => {
    using workspace = workspaceOf(['env: { POISON: "1234" }'])
    const { code, stderr } = await millrace(['run', 'p.yaml'], { cwd: workspace.folder })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expectAll(rowsOf(workspace), [1_234])
    const { stdout } = await millrace(['dlq', 'show', 'work'], { cwd: workspace.folder })
    expect(stdout).toContain('RECORD_REJECTED')
    expect(stdout).toContain('ended (exit code 3) on this record alone')
  }, 120_000)

  it('stops while a process neither reads, nor answers, nor heeds SIGTERM', async () => {
    const stubborn = `
      import { appendFileSync } from 'node:fs'
      process.on('SIGTERM', () => {})
      appendFileSync('pids', process.pid + '\\n')
      setInterval(() => {}, 1_000)
    `
    using workspace = workspaceOf([], stubborn)
    const started = new CliProcess(['run', 'p.yaml'], { cwd: workspace.folder })
    await started.untilFile(workspace.path('pids'), (text) => text.split('\n').length > 4)
    await new Promise((resolve) => setTimeout(resolve, 500))
    started.child.kill('SIGTERM')
    const { code, stderr } = await started.ended
    expect({ code, stderr }).toMatchObject({ code: 0 })
    await expectNoneAlive(workspace)
  }, 60_000)

  it('says before anything is read that there is no such program', async () => {
    using workspace = workspaceOf()
    const text = readFileSync(workspace.path('p.yaml'), 'utf8')
    workspace.write('p.yaml', text.replace(process.execPath, 'no-such-program'))
    const { code, stderr } = await millrace(['run', 'p.yaml'], { cwd: workspace.folder })
    expect(code).toBe(2)
    expect(stderr).toContain(
      'the process of the step "exec" cannot be started: spawn no-such-program ENOENT',
    )
  })

  it('gives the process no variable that it was not promised, and stderr no secret', async () => {
    const curious = `
      import { createInterface } from 'node:readline'
      console.error('the token is ' + process.env.TOKEN)
      for await (const line of createInterface({ input: process.stdin })) {
        const { id, value } = JSON.parse(line)
        const { OTHER = 'none', PASSED = 'none', TOKEN } = process.env
        const seen = { other: OTHER, passed: PASSED, hasToken: TOKEN === 'hunter2-hunter2' }
        console.log(JSON.stringify({ id, value: { ...value, ...seen } }))
      }
    `
    using workspace = workspaceOf(
      ['env: { TOKEN: "${secret:TOKEN}" }', 'pass_env: [PASSED]'],
      curious,
    )
    workspace.write('in.ndjson', '{"n":0,"k":"a"}\n')
    const { code, stderr } = await millrace(['run', 'p.yaml'], {
      cwd: workspace.folder,
      env: { TOKEN: 'hunter2-hunter2', OTHER: 'x', PASSED: 'y' },
    })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(rowsOf(workspace)).toEqual([
      { n: 0, k: 'a', other: 'none', passed: 'y', hasToken: true },
    ])
    expect(stderr).toContain('the token is')
    expect(stderr).not.toContain('hunter2')
  })
})

const hasPython = spawnSync('python3', ['--version']).status === 0
if (!hasPython) {
  if (process.env['CI'] !== undefined)
    throw new Error('python3 is needed for pipelines/enrich.yaml')
  process.stderr.write('SKIPPED: pipelines/enrich.yaml needs python3, which is not installed\n')
}

describe.skipIf(!hasPython)('pipelines/enrich.yaml', () => {
  it('passes its tests', async () => {
    using workspace = exampleWorkspace()
    const { code, stdout } = await millrace(['test', 'pipelines/enrich.yaml'], {
      cwd: workspace.folder,
    })
    expect({ code, stdout }).toMatchObject({ code: 0 })
    expect(stdout).toContain('2 passed, 0 failed')
  })

  it('prices every order as a recomputation does', async () => {
    using workspace = exampleWorkspace()
    const { code, stderr } = await millrace(['run', 'pipelines/enrich.yaml'], {
      cwd: workspace.folder,
    })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const prices: Readonly<Record<string, number>> = { lamp: 39.5, desk: 420, chair: 129.95 }
    const rows = workspace
      .lines('pipelines/out/enriched.ndjson')
      .map(
        (line) =>
          JSON.parse(line) as { product: string; count: number; total: number; risk: string },
      )
    expect(rows.length).toBeGreaterThan(1_000)
    for (const { product, count: bought, total, risk } of rows) {
      expect(total).toBeCloseTo(prices[product]! * bought, 2)
      expect(risk).toBe(total > 1_000 ? 'high' : 'low')
    }
  })
})
