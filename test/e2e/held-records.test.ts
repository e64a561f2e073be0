import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { CliProcess, Workspace } from './cli-process.ts'

const count = 3_000
const pipeline = `pipeline: held
stages:
  - { name: read, source: { file: { path: ./in.ndjson, follow: true } }, key: value.user, to: raw }
  - name: wait
    from: raw
    steps:
      - throttle: { by: key, rate: 200/2s }
      - delay: 4s
    to: late
  - name: pack
    from: late
    steps: [{ batch: { by: key, records: 7, within: 1s, into: all } }]
    to: packs
  - { name: save, from: packs, sink: { file: { path: ./out.ndjson } } }
`

it('loses nothing that waits, and lets nothing go twice, when it is killed again and again', async () => {
  const records = Array.from({ length: count }, (_, n) => ({ user: `u${n % 5}`, n }))
  const text = records.map((record) => `${JSON.stringify(record)}\n`).join('')
  using workspace = new Workspace({ 'held.yaml': pipeline, 'in.ndjson': text })
  const cwd = workspace.folder
  const out = join(cwd, 'out.ndjson')
  const seen = () =>
    (existsSync(out) ? readFileSync(out, 'utf8') : '')
      .split('\n')
      .filter((line) => line !== '')
      .flatMap((line) => (JSON.parse(line) as { all: typeof records }).all)
  const clock = createSystemClock()
  // On a slow machine the last kill may come when all is written; the first ones never do.
  let inTheMiddle = 0
  for (const afterMs of [3_000, 2_500, 2_500]) {
    const run = new CliProcess(['run', 'held.yaml'], { cwd })
    await clock.sleep(afterMs, new AbortController().signal)
    run.child.kill('SIGKILL')
    expect((await run.ended).signal).toBe('SIGKILL')
    if (seen().length < count) inTheMiddle += 1
  }
  expect(inTheMiddle).toBeGreaterThan(1)
  const last = new CliProcess(['run', 'held.yaml'], { cwd })
  await last.untilFile(out, () => seen().length >= count)
  await clock.sleep(1_500, new AbortController().signal)
  last.child.kill('SIGTERM')
  const { code, stderr } = await last.ended
  expect(code, stderr).toBe(0)
  for (const user of ['u0', 'u1', 'u2', 'u3', 'u4'])
    expect(seen().filter((record) => record.user === user)).toEqual(
      records.filter((record) => record.user === user),
    )
}, 90_000)
