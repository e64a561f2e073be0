import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { kafkaBatch } from '../../logs/kafka/records/kafka-batch.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { consumeAll, createTopicWithJava, produceWithJava } from '../java/kafka-tool.ts'
import { connectTo } from '../producing/producing-fixture.ts'
import { clock, countOf, Fleet, uniqueName, untilTrue } from './fleet.ts'

const { address } = sharedBroker
const mebibyte = 2 ** 20
/** With what decompressed records of one fetch may take. */
const maxPeakMb = 700

describeWithKafka('a worker that reads records meant to harm it', () => {
  let client: KafkaClient

  beforeAll(async () => {
    client = await connectTo(address)
  })
  afterAll(() => client.close())

  it('goes on behind 50,000 headers, bombs of gzip and zstd, and 10,000 broken records in a row', async () => {
    const name = uniqueName('hostile')
    const topic = `${name}.in`
    await createTopicWithJava(address, { name: topic, partitions: 1 })
    using fleet = fleetOf(name)
    const worker = fleet.start()
    const headers = Array.from({ length: 50_000 }, (_, index) => [`h${index}`, null] as const)
    const record = (n: number | string) => ({ topic, key: 'k', value: `{"n":${n}}` })
    const broken = Array.from({ length: 10_000 }, (_, n) => ({ topic, key: 'k', value: `{${n}` }))
    await produceWithJava(address, [{ records: [record(1), { ...record(2), headers }] }])
    for (const codec of ['gzip', 'zstd'] as const) {
      for (let bomb = 0; bomb < 5; bomb++)
        await write(topic, kafkaBatch({ ...now(), records: [zeros(60 * mebibyte)], codec }))
    }
    await produceWithJava(address, [{ records: [...broken, record(3)] }])

    const bad = broken.length + 10
    await untilTrue(
      async () => {
        fleet.assertRunning()
        return (await countOf(address, `${name}.out`)) === 3 && (await deadLetters(name)) >= bad
      },
      { withinMs: 40_000, otherwise: () => fleet.said },
    )
    const out = await consumeAll(address, `${name}.out`, { isolation: 'read_committed' })
    expect(out.map(({ value }) => value!.toString())).toEqual(['{"n":1}', '{"n":2}', '{"n":3}'])
    expect(out[1]!.headers.filter(([header]) => header.startsWith('h'))).toHaveLength(50_000)
    expect(await deadLetters(name)).toBe(bad)
    expect(worker.peakMb).toBeLessThan(maxPeakMb)
    const { results } = await fleet.stopAll()
    expect(results.map(({ code }) => code)).toEqual([0])
  }, 90_000)

  it.each(['gzip', 'zstd'] as const)(
    'ends where a batch would become larger than it can be, and names it: %s',
    async (codec) => {
      const name = uniqueName(`bomb-${codec}`)
      await createTopicWithJava(address, { name: `${name}.in`, partitions: 1 })
      await write(`${name}.in`, kafkaBatch({ ...now(), records: [{ value: '{"n":1}' }] }))
      await write(`${name}.in`, kafkaBatch({ ...now(), records: [zeros(200 * mebibyte)], codec }))
      using fleet = fleetOf(name)
      const worker = fleet.start()
      let peakMb = 0
      await untilTrue(
        () => {
          if (worker.isRunning) peakMb = worker.peakMb
          return !worker.isRunning
        },
        { withinMs: 30_000, otherwise: () => `it still runs\n${fleet.said}` },
      )
      const { code, stderr } = await worker.ended
      expect(code).toBe(1)
      expect(stderr).toContain(`reading topic ${name}.in, partition 0, at offset 1`)
      expect(stderr).toContain('decompressed it would have more than the limit')
      // What lies before it was done.
      expect(await countOf(address, `${name}.out`)).toBe(1)
      expect(peakMb).toBeLessThan(maxPeakMb)
    },
    60_000,
  )

  async function write(topic: string, records: Uint8Array): Promise<void> {
    const place = { topic, partition: 0 }
    const node = await client.leaderOf(place)
    const batches = [{ ...place, records }]
    const [result] = await client.produce(node, {
      transactionalId: null,
      timeoutMs: 30_000,
      batches,
    })
    if (result!.error !== null) throw result!.error
  }
})

/** Not older than the retention of the topic. */
const now = () => ({ baseTimestamp: BigInt(clock.wallMs()) })
const zeros = (bytes: number) => ({ value: Buffer.alloc(bytes) })
const deadLetters = (name: string) => countOf(address, `${name}.clean.dlq`)

function fleetOf(name: string): Fleet {
  const file = `
pipeline: ${name}
topics:
  ${name}.out:
    partitions: 1
stages:
  - name: clean
    from: ${name}.in
    steps:
      - filter: value.n > 0
    to: ${name}.out
`
  return new Fleet({ workload: { name, file }, address, sessionTimeoutMs: 6_000 })
}
