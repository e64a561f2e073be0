import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { CliProcess, millrace, Workspace } from '../e2e/cli-process.ts'
import { describeWithKafka, sharedBroker } from './broker/describe-with-kafka.ts'

const made: Workspace[] = []
afterAll(() => {
  for (const workspace of made) workspace.remove()
})

function orders(name: string, onFail: 'fail' | 'null'): string {
  return `pipeline: ${name}
topics:
  ${name}.raw: { partitions: 2 }
stages:
  - name: ingest
    source:
      file: { path: ./in.ndjson }
    key: value.id
    to: ${name}.raw
  - name: clean
    from: ${name}.raw
    steps:
      - cast:
          amount: { type: number, on_fail: ${onFail} }
      - dedupe: { by: key }
    to: ${name}.clean
  - name: write
    from: ${name}.clean
    sink:
      file: { path: ./out.ndjson }
`
}

interface Replay {
  readonly replayed: number
  readonly stages: readonly { readonly stage: string; readonly already_replayed: number }[]
}

describeWithKafka('dlq replay on Kafka', () => {
  it('brings dead letters back once, also while the pipeline runs', async () => {
    const name = `orders-${randomUUID().slice(0, 8)}`
    const lines = Array.from({ length: 40 }, (_, n) =>
      JSON.stringify({ id: `o-${n}`, amount: n % 4 === 0 ? 'bad' : String(n) }),
    )
    const workspace = new Workspace({
      'a.yaml': orders(name, 'fail'),
      'in.ndjson': `${lines.join('\n')}\n`,
    })
    made.push(workspace)
    const cwd = workspace.folder
    const log = ['--log', `kafka://${sharedBroker.address}`]
    expect((await millrace(['run', 'a.yaml', '--quiet', ...log], { cwd })).code).toBe(0)
    const replay = async (...args: string[]) => {
      const all = ['dlq', 'replay', 'a.yaml', '--json', ...args, ...log]
      const { code, stdout, stderr } = await millrace(all, { cwd })
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return JSON.parse(stdout) as Replay
    }
    expect((await replay('--stage', 'clean', '--limit', '4')).replayed).toBe(4)
    writeFileSync(join(cwd, 'a.yaml'), orders(name, 'null'))
    const running = new CliProcess(['run', 'a.yaml', '--follow', '--quiet', ...log], { cwd })
    const out = join(cwd, 'out.ndjson')
    const count = (text: string) => text.split('\n').length - 1
    await running.untilFile(out, (text) => count(text) === 34)
    const second = await replay('--all')
    expect(second.replayed).toBe(6)
    expect(second.stages.find(({ stage }) => stage === 'clean')!.already_replayed).toBe(4)
    await running.untilFile(out, (text) => count(text) === 40)
    expect((await replay('--all')).replayed).toBe(0)
    running.child.kill('SIGTERM')
    expect((await running.ended).code).toBe(0)
    const ids = readFileSync(out, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id)
    expect(new Set(ids).size).toBe(40)
  })
})
