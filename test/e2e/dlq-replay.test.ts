import { afterEach, describe, expect, it } from 'vitest'
import { CliProcess, millrace, Workspace } from './cli-process.ts'

const workspaces: Workspace[] = []
afterEach(() => {
  for (const made of workspaces.splice(0)) made.remove()
})

const pipeline = (onFail: 'fail' | 'null') => `pipeline: p
stages:
  - name: read
    source:
      file: { path: ./in.ndjson }
    to: raw
  - name: clean
    from: raw
    steps:
      - cast:
          n: { type: number, on_fail: ${onFail} }
    to: clean
  - name: write
    from: clean
    sink:
      file: { path: ./out.ndjson }
`

describe('millrace dlq replay beside a run', () => {
  it('writes through the running process, at the rate that was asked for', async () => {
    const lines = Array.from({ length: 12 }, (_, n) => JSON.stringify({ n: n < 10 ? 'x' : n }))
    const made = new Workspace({ 'a.yaml': pipeline('fail'), 'in.ndjson': `${lines.join('\n')}\n` })
    workspaces.push(made)
    const cwd = made.folder
    expect((await millrace(['run', 'a.yaml', '--quiet'], { cwd })).code).toBe(0)
    made.write('a.yaml', pipeline('null'))
    const running = new CliProcess(['run', 'a.yaml', '--follow', '--quiet'], { cwd })
    await running.untilFile(made.path('.millrace', 'control.sock'), () => true).catch(() => {})
    const begunMs = Date.now()
    const all = ['dlq', 'replay', 'a.yaml', '--all', '--rate', '20', '--json']
    const replay = await millrace(all, { cwd })
    expect(replay).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(replay.stdout)).toMatchObject({ replayed: 10 })
    expect(Date.now() - begunMs).toBeGreaterThan(400)
    await running.untilFile(made.path('out.ndjson'), (text) => text.split('\n').length === 13)
    running.child.kill('SIGTERM')
    expect((await running.ended).code).toBe(0)
    expect(made.lines('out.ndjson').filter((line) => line === '{"n":null}')).toHaveLength(10)
    const again = await millrace(['dlq', 'replay', 'a.yaml', '--all'], { cwd })
    expect(again.stdout).toMatch(/^clean +0 +10 +0 +0/m)
  })
})
