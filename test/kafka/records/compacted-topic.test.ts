import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { connectTo, until } from '../client/client-fixture.ts'
import { consumeAll, createTopicWithJava, produceWithJava } from '../java/kafka-tool.ts'
import { plainRecords, readPartition } from './fetched-records.ts'

const timestampMs = 1_767_225_600_000
const keys = 10
const written = 2_000

describeWithKafka('a compacted topic', () => {
  let broker: TestBroker
  let client: KafkaClient
  beforeAll(async () => {
    broker = await startBroker({ own: true, properties: { 'log.cleaner.backoff.ms': '100' } })
    client = await connectTo(broker.address)
  })
  afterAll(async () => {
    await client.close()
    await broker.stop()
  })

  it.each(['none', 'zstd'])(
    'is read as Kafka reads it, gaps, old times and all: %s',
    async (codec) => {
      const topic = `compacted-${codec}`
      const config = {
        'cleanup.policy': 'compact',
        'min.cleanable.dirty.ratio': '0.001',
        'segment.bytes': '1048576',
        'segment.ms': '100',
      }
      await createTopicWithJava(broker.address, { name: topic, partitions: 1, config })
      const records = Array.from({ length: written }, (_, index) => ({
        topic,
        // Some keys are written once, in the middle of everything; some have no value in the end.
        key: index % 397 === 0 ? `once ${index}` : `key ${index % keys}`,
        value: index > written - 5 ? null : `value ${index}`,
        timestampMs: timestampMs + index,
      }))
      const settings = { 'compression.type': codec, 'batch.size': '3000', 'linger.ms': '20' }
      await produceWithJava(broker.address, [{ records }], settings)
      const offsets = async () =>
        (await consumeAll(broker.address, topic, { isolation: 'read_committed' })).length
      // The segment that is written to is never compacted: others come behind it.
      await until(async () => {
        await produceWithJava(broker.address, [{ records: [{ topic, key: 'last', value: 'v' }] }])
        return (await offsets()) < 50
      })
      const java = await consumeAll(broker.address, topic, { isolation: 'read_committed' })
      const expected = java.map(({ offset, timestampMs: time, key, value }) => ({
        offset,
        timestampMs: time,
        key,
        value,
        headers: [],
      }))
      expect(expected.length).toBeGreaterThan(10)
      const { batches, next } = await readPartition(client, topic)
      expect(plainRecords(batches)).toEqual(expected)
      expect(next).toBeGreaterThan(BigInt(written))
      for (let offset = 0n; offset < next; offset += 97n) {
        const read = await readPartition(client, topic, { offset, maxBytes: 500 })
        expect(plainRecords(read.batches)).toEqual(expected.filter((each) => each.offset >= offset))
      }
    },
    90_000,
  )
})
