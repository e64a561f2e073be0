import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { CliProcess, millrace, Workspace } from '../../e2e/cli-process.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { consumeAll } from '../java/kafka-tool.ts'
import { ProxiedBroker } from '../producing/producing-fixture.ts'

const count = 20_000

const pipeline = (name: string) => `pipeline: ${name}
topics:
  ${name}.even: { partitions: 3 }
stages:
  - name: make
    source: { generate: { count: ${count}, template: { n: { $sequence: "%d" } } } }
    key: value.n
    to: ${name}.raw
  - name: sort
    from: ${name}.raw
    steps:
      - cast: { n: integer }
      - route:
          even: value.n % 2 == 0
          three: value.n % 3 == 0
    to:
      even: ${name}.even
      three: ${name}.three
      otherwise: ${name}.rest
`

describeWithKafka('a stage with several outputs on Kafka', () => {
  let kafka: ProxiedBroker
  const workspaces: Workspace[] = []

  beforeAll(async () => {
    kafka = await ProxiedBroker.start()
  })
  afterEach(() => {
    for (const workspace of workspaces.splice(0)) workspace.remove()
  })
  afterAll(() => kafka.stop())

  it('writes all of them in one transaction: killed with one open, nothing is lost or twice in any', async () => {
    const name = `sort-${randomUUID().slice(0, 8)}`
    const workspace = new Workspace({ 'sort.yaml': pipeline(name) })
    workspaces.push(workspace)
    const cwd = workspace.folder
    const args = ['run', 'sort.yaml', '--log', `kafka://${kafka.proxy.address}`]
    const victim = new CliProcess(args, { cwd })
    // The second commit of the stage with outputs or a later one: some are there by then.
    for (let times = 0; times < 4; times++) {
      const held = kafka.proxy.inject({ api: 'EndTxn', action: 'hold_request' })
      await held.happened
      if (times === 3) victim.child.kill('SIGKILL')
      held.release()
    }
    await victim.ended
    const { code, stderr } = await millrace(args, { cwd })
    expect(code, stderr).toBe(0)
    const isolation = 'read_committed'
    const numbers = async (topic: string) =>
      (await consumeAll(kafka.address, `${name}.${topic}`, { isolation }))
        .map(({ value }) => Number((JSON.parse(String(value)) as { n: unknown }).n))
        .toSorted((left, right) => left - right)
    const all = Array.from({ length: count }, (_, index) => index)
    const [first = 0] = await numbers('raw')
    const made = all.map((index) => index + first)
    expect(await numbers('even')).toEqual(made.filter((n) => n % 2 === 0))
    expect(await numbers('three')).toEqual(made.filter((n) => n % 2 !== 0 && n % 3 === 0))
    expect(await numbers('rest')).toEqual(made.filter((n) => n % 2 !== 0 && n % 3 !== 0))
  }, 120_000)
})
