import { afterEach, expect, it } from 'vitest'
import { alertReceiver, type CloudEvent } from '../../e2e/alert-receiver.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { PipelineFolder } from '../endpoints/endpoint-pipeline.ts'
import { consumeAll } from '../java/kafka-tool.ts'
import { clock, uniqueName } from './fleet.ts'

const { address } = sharedBroker
const records = 20_000
const folders: PipelineFolder[] = []

/** One stage commits in transactions, the other writes first and commits its positions then. */
function pipeline(name: string, url: string): string {
  const stages = (['exactly_once', 'at_least_once'] as const).map(
    (delivery) => `  - name: ${delivery.replaceAll('_', '-')}
    from: ${name}.raw
    delivery: ${delivery}
    steps:
      - require: value.n % 50 != 0
    to: ${name}.${delivery}
    hooks:
      - on: record_dead_lettered
        reliable: true
        do:
          webhook: { url: "${url}", allow_private: true }
`,
  )
  return `pipeline: ${name}
stages:
  - name: ingest
    source:
      generate: { count: ${records}, template: { n: { $sequence: 1 } } }
    to: ${name}.raw
${stages.join('')}`
}

describeWithKafka('reliable hooks on Kafka', () => {
  afterEach(() => {
    for (const made of folders.splice(0)) made.remove()
  })

  it('tell every event of several workers, of which one is killed', async () => {
    using receiver = await alertReceiver(100)
    const name = uniqueName('hooks')
    const made = new PipelineFolder(pipeline(name, receiver.url), {})
    folders.push(made)
    const log = ['--log', `kafka://${address}`, '--threads', '0']
    const start = () => made.run(log, { env: { MILLRACE_KAFKA_SESSION_TIMEOUT: '2s' } })
    const [victim, heir] = [start(), start()] as const
    while (receiver.alerts.length < 20 && victim.child.exitCode === null) await clock.sleep(5)
    victim.child.kill('SIGKILL')
    const { code, stderr } = await heir.ended
    expect(code, stderr).toBe(0)

    const isolation = 'read_committed'
    const stored = (await consumeAll(address, `${name}.events`, { isolation })).map(
      ({ value }) => JSON.parse(value!.toString('utf8')) as CloudEvent,
    )
    const told = new Set(receiver.alerts.map(({ event }) => event.id))
    expect(told).toEqual(new Set(stored.map(({ id }) => id)))
    const of = (stage: string) => stored.filter(({ source }) => source.endsWith(`/${stage}`))
    expect(of('exactly-once')).toHaveLength(records / 50)
    expect(of('at-least-once').length).toBeGreaterThanOrEqual(records / 50)
    // What was worked on twice was told under one id.
    expect(told.size).toBe((2 * records) / 50)
    const dead = await consumeAll(address, `${name}.exactly-once.dlq`, { isolation })
    expect(dead).toHaveLength(records / 50)
  }, 90_000)
})
