import { randomUUID } from 'node:crypto'
import { afterAll, expect, it } from 'vitest'
import { millrace, Workspace } from '../e2e/cli-process.ts'
import { describeWithKafka, sharedBroker } from './broker/describe-with-kafka.ts'

const made: Workspace[] = []
afterAll(() => {
  for (const workspace of made) workspace.remove()
})

const count = 3_000

function shop(name: string): string {
  return `pipeline: ${name}
stages:
  - name: make
    source:
      generate:
        count: ${count}
        template:
          id: { $sequence: "o-%05d" }
          amount: { $integer: [0, 99] }
    key: value.id
    to: ${name}.raw
  - name: clean
    from: ${name}.raw
    steps:
      - require: value.amount != 7
      - set: { seen: true }
    to: ${name}.clean
  - name: last
    from: ${name}.clean
    sink:
      file:
        path: ./out.ndjson
`
}

interface Report {
  readonly pipelines: readonly {
    readonly pipeline: string
    readonly outcome: string
    readonly workers: number
    readonly stages: readonly {
      readonly stage: string
      readonly n: number
      readonly T: number
      readonly D: number
      readonly commitInQueue: boolean
      readonly waiting: Readonly<Record<string, number>>
    }[]
  }[]
}

describeWithKafka('timings on Kafka', () => {
  it('of several workers are one report, and the way of a record is found in the topics', async () => {
    const name = `shop-${randomUUID().slice(0, 8)}`
    const workspace = new Workspace({ 'shop.yaml': shop(name) })
    made.push(workspace)
    const log = ['--log', `kafka://${sharedBroker.address}`]
    const cwd = workspace.folder
    const run = await millrace(['run', 'shop.yaml', '--workers', '2', '--json', ...log], { cwd })
    expect(run.code).toBe(0)
    const { stdout } = await millrace(['report', 'shop.yaml', '--json', ...log], { cwd })
    const [report] = (JSON.parse(stdout) as Report).pipelines
    const [own] = (JSON.parse(run.stdout) as Report).pipelines
    expect(report).toMatchObject({ pipeline: name, outcome: 'completed', workers: 2 })
    for (const [index, stage] of report!.stages.entries()) {
      const { n, T, D, waiting } = stage
      expect(n).toBe(own!.stages[index]!.n)
      expect(T).toBeCloseTo(own!.stages[index]!.T, 1)
      const { queue = 0, batch = 0, backoff = 0, commit = 0 } = waiting
      expect(Math.abs(queue + batch + backoff + commit - D)).toBeLessThan(1)
      // Kafka does not say when records could be read: that is said, and counted once.
      expect(stage.commitInQueue).toBe(stage.stage !== 'make')
    }
    // Without the file it would look into the topics of all other tests, of which some cannot be read.
    const traced = await millrace(['trace', 'o-00042', 'shop.yaml', '--json', ...log], { cwd })
    expect(traced.stderr).toBe('')
    const { hops } = JSON.parse(traced.stdout) as {
      hops: { topic: string; outcome: string; wait_us: number; run_us: number }[]
    }
    expect(hops[0]!.topic).toBe(`${name}.raw`)
    expect(hops).toHaveLength(2)
    for (const { wait_us: wait, run_us: ran } of hops) {
      expect(wait).toBeGreaterThan(0)
      expect(ran).toBeGreaterThanOrEqual(0)
    }
    const text = await millrace(['trace', 'o-00042', 'shop.yaml', ...log], { cwd })
    expect(text.stdout).toContain('key o-00042')
  }, 120_000)
})
