import { afterAll, beforeAll, expect, it } from 'vitest'
import { RecordBatchBuilder } from '../../../src/core/record-batch-builder.ts'
import {
  encodeHeaders,
  nullHeaderValue,
  type Header,
  type RecordBatch,
} from '../../../src/core/record-batch.ts'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { codecs, type Codec } from '../../../src/logs/kafka/records/codec.ts'
import { encodeRecords } from '../../../src/logs/kafka/records/encode-records.ts'
import { splitRecords } from '../../../src/logs/kafka/records/split-records.ts'
import { partitionOf } from '../../../src/core/partitioner.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { connectTo, failureOf, Scene } from '../client/client-fixture.ts'
import {
  consumeAll,
  consumeWithConsole,
  createTopicWithJava,
  produceWithJava,
  type JavaInput,
} from '../java/kafka-tool.ts'
import { plainRecords, readPartition } from './fetched-records.ts'

const { address } = sharedBroker
const timestampMs = 1_767_225_600_000

/** What is likely to be different in another implementation. */
function oddRecords(topic: string): JavaInput[] {
  return [
    { topic, key: 'k', value: 'v', timestampMs },
    { topic, key: null, value: null, timestampMs: timestampMs - 5_000 },
    { topic, key: '', value: '', timestampMs: 0 },
    { topic, value: Buffer.from([0, 0xff, 10, 0x80]), timestampMs: timestampMs + 1_000_000 },
    {
      topic,
      key: 'ü',
      value: 'x'.repeat(70_000),
      timestampMs,
      headers: [
        ['a', '1'],
        ['__proto__', 'x'],
        ['a', null],
        ['', ''],
        ['a', '1'],
      ],
    },
    ...Array.from({ length: 2_000 }, (_, index) => ({
      topic,
      key: `key ${index}`,
      value: JSON.stringify({ index, text: 'millrace '.repeat(index % 20) }),
      timestampMs: timestampMs + index,
    })),
  ]
}

function plainInput(record: JavaInput, index: number): unknown {
  const bytes = (part: string | Uint8Array | null | undefined) =>
    part === null || part === undefined ? null : Buffer.from(part)
  return {
    offset: BigInt(index),
    timestampMs: record.timestampMs,
    key: bytes(record.key),
    value: bytes(record.value),
    headers: (record.headers ?? []).map(([name, value]) => [name, bytes(value) ?? Buffer.alloc(0)]),
  }
}

function batchFor(records: readonly JavaInput[]): RecordBatch {
  const builder = new RecordBatchBuilder('orders.clean/3')
  for (const { key = null, value = null, headers = [], timestampMs: time } of records) {
    builder.append({
      key,
      value,
      headers: encodeHeaders(
        headers.map(([name, each]): Header => [
          name,
          each === null ? nullHeaderValue : Buffer.from(each),
        ]),
      ),
      times: {
        timestampMs: time!,
        eventTimeMs: time!,
        ingestUs: time! * 1_000,
        waitUs: 1,
        runUs: 2,
      },
    })
  }
  return builder.finish()
}

describeWithKafka("records between ours and Kafka's own client", () => {
  let client: KafkaClient
  beforeAll(async () => {
    client = await connectTo(address)
  })
  afterAll(() => client.close())

  it.each(codecs)('are read as the Java producer writes them: %s', async (codec) => {
    const topic = `records-from-java-${codec}`
    await createTopicWithJava(address, { name: topic, partitions: 1 })
    const records = oddRecords(topic)
    await produceWithJava(address, [{ records }], {
      'compression.type': codec,
      'linger.ms': '50',
      'batch.size': '500000',
    })
    for (const maxBytes of [2 ** 20, 300]) {
      const { batches, fetches, next } = await readPartition(client, topic, { maxBytes })
      expect(fetches[0]!.records[22]! & 7).toBe(codecs.indexOf(codec))
      expect(plainRecords(batches)).toEqual(records.map(plainInput))
      expect(next).toBe(BigInt(records.length))
    }
  })

  it.each(codecs)('are accepted by the broker and read by the Java consumer: %s', async (codec) => {
    const scene = await Scene.open(client, `records-to-java-${codec}`)
    // A record at 1970 has no timestamp for us.
    const records = oddRecords(scene.topic).filter((record) => record.timestampMs !== 0)
    const batch = batchFor(records)
    await scene.write({ records: encoded(batch, codec), transactionalId: null })
    const read = await consumeAll(address, scene.topic, { isolation: 'read_committed' })
    const seen = read.map(({ offset, timestampMs: time, key, value, headers }) => ({
      offset,
      timestampMs: time,
      key,
      value,
      headers: headers
        .filter(([name]) => name !== 'millrace-timing')
        .map(([name, each]) => [name, each ?? Buffer.alloc(0)]),
    }))
    expect(seen).toEqual(records.map(plainInput))
    expect(read[3]!.headers.map(([name, value]) => [name, value === null])).toEqual([
      ['millrace-timing', false],
      ['a', false],
      ['__proto__', false],
      ['a', true],
      ['', false],
      ['a', false],
    ])
    const { batches } = await readPartition(client, scene.topic)
    expect(batches.map((each) => each.batch.writer)).toEqual(['orders.clean/3'])
    expect([...batches[0]!.batch.eventTimeMs]).toEqual([...batch.eventTimeMs])
    expect(plainRecords(batches)).toEqual(records.map(plainInput))
  })

  it('are printed by the console consumer', async () => {
    const topic = 'records-to-java-lz4'
    const options = { isolation: 'read_committed', idleMs: 20_000, maxRecords: 100 } as const
    const printed = await consumeWithConsole(address, topic, options)
    expect(printed.map(({ value }) => value)).toEqual(
      oddRecords(topic)
        .filter((record) => record.timestampMs !== 0)
        .slice(0, 100)
        .map(({ value }) => (value === null ? null : Buffer.from(value!))),
    )
  })

  it('go to the partition that the Java producer chooses', async () => {
    const topic = 'records-partitions'
    await createTopicWithJava(address, { name: topic, partitions: 7 })
    const keys = Array.from({ length: 500 }, (_, index) =>
      index % 2 === 0 ? Buffer.from(`ü${index}`) : Buffer.from([index, index >> 8, 0xff]),
    )
    const records = keys.map((key) => ({ topic, key, value: 'v' }))
    const places = await produceWithJava(address, [{ records }])
    expect(places.map(({ partition }) => partition)).toEqual(keys.map((key) => partitionOf(key, 7)))
  })

  it("have the broker's time where the topic has LogAppendTime", async () => {
    const topic = 'records-append-time'
    const config = { 'message.timestamp.type': 'LogAppendTime' }
    await createTopicWithJava(address, { name: topic, partitions: 1, config })
    const records = oddRecords(topic).slice(0, 5)
    await produceWithJava(address, [{ records }], { 'compression.type': 'gzip' })
    await new Scene(client, topic).write({
      records: encoded(batchFor([records[0]!]), 'none'),
      transactionalId: null,
    })
    const java = await consumeAll(address, topic, { isolation: 'read_committed' })
    const { batches } = await readPartition(client, topic)
    const times = plainRecords(batches).map(({ timestampMs: time }) => time)
    expect(times).toEqual(java.map((record) => record.timestampMs))
    expect(times[0]).toBeGreaterThan(timestampMs)
    const ours = batches.at(-1)!.batch
    expect([ours.ingestUs[0], ours.eventTimeMs[0]]).toEqual([timestampMs * 1_000, timestampMs])
  })

  it('fit into max.message.bytes after splitting, to the byte', async () => {
    const topic = 'records-split'
    const maxBytes = 10_000
    const config = { 'max.message.bytes': String(maxBytes) }
    await createTopicWithJava(address, { name: topic, partitions: 1, config })
    const scene = new Scene(client, topic)
    const bodies = Array.from({ length: 600 }, (_, index) => 'x'.repeat((index * 37) % 3_000))
    const { tooLarge: measured } = splitRecords(
      batchFor([{ topic, value: 'x'.repeat(9_000), timestampMs }]),
      { maxBytes: 1, timing: true },
    )
    const fitting = 'x'.repeat(9_000 + maxBytes - measured[0]!.sizeBytes)
    const batch = batchFor(
      [...bodies, fitting, `${fitting}x`, 'end'].map((value) => ({ topic, value, timestampMs })),
    )
    const { ranges, tooLarge } = splitRecords(batch, { maxBytes, timing: true })
    expect(tooLarge).toEqual([{ index: 601, sizeBytes: maxBytes + 1 }])
    expect(ranges.length).toBeGreaterThan(50)
    const options = { codec: 'none', producer: null, transactional: false, timing: true } as const
    for (const range of ranges)
      await scene.write({ records: encodeRecords(batch, range, options), transactionalId: null })
    const { batches } = await readPartition(client, topic)
    expect(plainRecords(batches).map(({ value }) => String(value))).toEqual([
      ...bodies,
      fitting,
      'end',
    ])
    const large = encodeRecords(batch, { from: 601, to: 602 }, options)
    const failure = await failureOf(scene.write({ records: large, transactionalId: null }))
    expect(failure.code).toBe('MESSAGE_TOO_LARGE')
  })

  it('with 50,000 headers are read and written at once', async () => {
    const scene = await Scene.open(client, 'records-headers')
    const headers = Array.from({ length: 50_000 }, (_, index) => [`h${index}`, null] as const)
    const records = [{ topic: scene.topic, value: 'v', timestampMs, headers }]
    await produceWithJava(address, [{ records }])
    const { batches } = await readPartition(client, scene.topic)
    const { batch } = batches[0]!
    await scene.write({ records: encoded(batch, 'none'), transactionalId: null })
    const [, copy] = await consumeAll(address, scene.topic, { isolation: 'read_committed' })
    expect(copy!.headers.slice(1)).toEqual(headers.map(([name]) => [name, null]))
  })

  function encoded(batch: RecordBatch, codec: Codec): Uint8Array {
    const options = { codec, producer: null, transactional: false, timing: true }
    return encodeRecords(batch, { from: 0, to: batch.count }, options)
  }
})
