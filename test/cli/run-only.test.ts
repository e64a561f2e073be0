import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

const chain = `pipeline: chain
stages:
  - name: read
    source:
      file: { path: ./in.ndjson }
    to: raw
  - name: totals
    from: raw
    event_time: value.ts
    steps:
      - aggregate:
          window: { tumbling: 10s }
          fields: { n: count() }
    to: totals
  - name: write
    from: totals
    sink:
      file: { path: ./out.ndjson }
`
const input = [1, 2, 15]
  .map((second) => `{"ts":"2026-01-01T00:00:${String(second).padStart(2, '0')}Z"}\n`)
  .join('')

function aPlace() {
  const cwd = aFolder({ 'a.yaml': chain, 'in.ndjson': input })
  const command = async (...args: string[]) => {
    const environment = aCliEnvironment({ cwd })
    const code = await runProgram(args, environment)
    return { code, stdout: environment.stdout.text, stderr: environment.stderr.text }
  }
  const run = (...args: string[]) => command('run', 'a.yaml', '--quiet', '--threads', '0', ...args)
  const counts = async (topic: string) =>
    (await command('tap', topic, '--json', '--from', 'earliest')).stdout.split('\n').length - 1
  return { cwd, run, counts, out: join(cwd, 'out.ndjson') }
}

describe('millrace run --only', () => {
  it('runs the named stages one after the other as one run does them all', async () => {
    const { run, counts, out } = aPlace()
    expect((await run('--only', 'read')).code).toBe(0)
    expect(await counts('raw')).toBe(3)
    expect(await counts('totals')).toBe(0)
    expect((await run('--only', 'totals')).code).toBe(0)
    expect(await counts('totals')).toBe(2)
    expect(existsSync(out)).toBe(false)
    expect((await run('--only', 'chain.write')).code).toBe(0)
    expect(readFileSync(out, 'utf8').split('\n')).toHaveLength(3)
  })

  it('leaves the pipeline as it is, so that a whole run goes on from there', async () => {
    const { run, out } = aPlace()
    await run('--only', 'read', '--only', 'totals')
    expect((await run()).code).toBe(0)
    expect(readFileSync(out, 'utf8').split('\n')).toHaveLength(3)
  })

  it('waits for what a stage without an end has yet to write', async () => {
    const endless = chain.replace(
      'file: { path: ./in.ndjson }',
      'generate: { rate: 1/s, template: { ts: a } }',
    )
    const cwd = aFolder({ 'a.yaml': endless })
    const environment = aCliEnvironment({ cwd })
    const running = runProgram(['run', 'a.yaml', '--only', 'totals', '--quiet'], environment)
    const first = await Promise.race([
      running.then(() => 'ended'),
      environment.clock.sleep(700).then(() => 'waiting'),
    ])
    environment.interrupt('SIGTERM')
    expect([first, await running]).toEqual(['waiting', 0])
  })

  it('refuses a stage that is not there, and --fresh', async () => {
    const { run } = aPlace()
    await expect(run('--only', 'total')).rejects.toThrow(/no stage "total".*totals/)
    await expect(run('--only', 'totals', '--fresh')).rejects.toThrow(/--fresh forgets the whole/)
  })
})
