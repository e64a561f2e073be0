import { afterEach, expect, it } from 'vitest'
import type { KafkaSinkOptions, Sink } from '../../../src/core/endpoints.ts'
import { RecordBatchBuilder, type AppendedRecord } from '../../../src/core/record-batch-builder.ts'
import { encodeHeaders, type RecordBatch } from '../../../src/core/record-batch.ts'
import { partitionOf } from '../../../src/core/partitioner.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { consumeAll } from '../java/kafka-tool.ts'
import {
  aConnection,
  endpointsOf,
  readToEnd,
  SourceRead,
  type Endpoints,
} from './endpoint-fixture.ts'
import { createTopics, text } from './endpoint-pipeline.ts'

const { address } = sharedBroker
const connection = aConnection(address)
const opened: Endpoints[] = []
const never = new AbortController().signal
const ingestMs = Date.UTC(2026, 0, 2)
const eventMs = Date.UTC(2025, 5, 1)

function endpoints(): Endpoints {
  const made = endpointsOf()
  opened.push(made)
  return made
}

async function sinkTo(topic: string, options: Partial<KafkaSinkOptions> = {}): Promise<Sink> {
  const sink = endpoints().sink({ connection, topic, ...options })
  expect(await sink.begin()).toBeNull()
  return sink
}

function batchOf(records: readonly Partial<AppendedRecord>[]): RecordBatch {
  const builder = new RecordBatchBuilder('p.s/0')
  const times = {
    timestampMs: ingestMs,
    eventTimeMs: eventMs,
    ingestUs: 1_000 * ingestMs,
    waitUs: 5,
    runUs: 7,
  }
  for (const record of records) {
    builder.append({ key: null, value: '', headers: new Uint8Array(0), times, ...record })
  }
  return builder.finish()
}

function read(topic: string) {
  return consumeAll(address, topic, { isolation: 'read_committed' })
}

describeWithKafka('a sink to a topic', () => {
  afterEach(async () => {
    for (const made of opened.splice(0)) await made.close()
  })

  it('writes keys, values and headers, with the time of the event and without its own header', async () => {
    await createTopics(address, { 'sink-plain': 1 })
    const sink = await sinkTo('sink-plain')
    const headers = encodeHeaders([
      ['a', 'x'],
      ['a', new Uint8Array([255])],
    ])
    const batch = batchOf([{ key: 'k', value: 'v', headers }, { value: null }])
    expect(await sink.write(batch, never)).toEqual({ memory: null, failures: [] })
    expect(await read('sink-plain')).toMatchObject([
      {
        key: Buffer.from('k'),
        value: Buffer.from('v'),
        headers: [
          ['a', Buffer.from('x')],
          ['a', Buffer.from([255])],
        ],
        timestampMs: eventMs,
      },
      { key: null, value: null, headers: [] },
    ])
  })

  it('writes the ingest time and the timing header where it is told so', async () => {
    await createTopics(address, { 'sink-timed': 1 })
    const sink = await sinkTo('sink-timed', { timestamp: 'ingest', timingHeader: true })
    await sink.write(batchOf([{ value: 'v' }]), never)
    expect(await read('sink-timed')).toMatchObject([
      { timestampMs: ingestMs, headers: [['millrace-timing', expect.any(Buffer)]] },
    ])
    // Another pipeline has the event time of it, and no header that is not the record's own.
    const source = endpoints().source({ connection, topics: ['sink-timed'], bounded: true })
    const [, slice] = (await new SourceRead().toEnd(source)).slices
    expect(slice!.batch.eventTimeMs[0]).toBe(eventMs)
    expect(slice!.batch.headers(0)).toEqual([])
  })

  it('keeps the order of each key over many batches, in the partition of the key', async () => {
    await createTopics(address, { 'sink-order': 5 })
    const sink = await sinkTo('sink-order', { compression: 'lz4' })
    for (let round = 0; round < 20; round++) {
      const records = Array.from({ length: 100 }, (_, index) => ({
        key: `key-${index % 10}`,
        value: String(round * 100 + index),
      }))
      await sink.write(batchOf(records), never)
    }
    const found = await read('sink-order')
    expect(found).toHaveLength(2_000)
    for (let key = 0; key < 10; key++) {
      const own = found.filter((record) => text(record.key) === `key-${key}`)
      expect(new Set(own.map(({ partition }) => partition))).toEqual(
        new Set([partitionOf(`key-${key}`, 5)]),
      )
      const values = own.map(({ value }) => Number(text(value)))
      expect(values).toEqual(values.toSorted((left, right) => left - right))
    }
  })

  it('fails the record alone that is too large, where the limit can be read', async () => {
    await createTopics(address, { 'sink-large': 1 }, { 'max.message.bytes': '2000' })
    const sink = await sinkTo('sink-large')
    const values = ['a', 'x'.repeat(3_000), 'b'.repeat(1_500), 'c'.repeat(1_500)]
    const { failures } = await sink.write(batchOf(values.map((value) => ({ value }))), never)
    expect(failures).toEqual([
      {
        index: 1,
        code: 'RECORD_TOO_LARGE',
        message: expect.stringMatching(/"sink-large" takes 2000/),
      },
    ])
    const found = (await read('sink-large')).map(({ value }) => text(value))
    expect(found).toEqual(values.filter((_, index) => index !== 1))
  })

  it('fails the records alone that a compacted topic does not take, for want of a key', async () => {
    await createTopics(address, { 'sink-compact': 1 }, { 'cleanup.policy': 'compact' })
    const sink = await sinkTo('sink-compact')
    const records = Array.from({ length: 50 }, (_, index) => ({
      key: index % 20 === 7 ? null : `k${index}`,
      value: String(index),
    }))
    const { failures } = await sink.write(batchOf(records), never)
    expect(failures.map(({ index, code }) => [index, code])).toEqual([
      [7, 'RECORD_REJECTED'],
      [27, 'RECORD_REJECTED'],
      [47, 'RECORD_REJECTED'],
    ])
    expect((await read('sink-compact')).map(({ value }) => Number(text(value)))).toEqual(
      records.flatMap(({ key, value }) => (key === null ? [] : [Number(value)])),
    )
    // The sink is as good as before.
    await sink.write(batchOf([{ key: 'after', value: 'after' }]), never)
    expect(text((await read('sink-compact')).at(-1)!.value)).toBe('after')
  })

  it('fails records of the future where the topic takes none', async () => {
    await createTopics(address, { 'sink-future': 1 }, { 'message.timestamp.after.max.ms': '60000' })
    const sink = await sinkTo('sink-future')
    const times = { timestampMs: 0, eventTimeMs: 0, ingestUs: 0, waitUs: 0, runUs: 0 }
    const future = { ...times, eventTimeMs: 4e12 }
    const { failures } = await sink.write(
      batchOf([{ value: 'now' }, { value: 'then', times: future }]),
      never,
    )
    expect(failures).toMatchObject([{ index: 1, code: 'RECORD_REJECTED' }])
    expect(await read('sink-future')).toHaveLength(1)
  })

  it('shares the connections of a cluster, and opens them anew once all have closed', async () => {
    await createTopics(address, { 'sink-shared': 2 })
    const of = endpoints()
    const sinks = [0, 1].map(() => of.sink({ connection, topic: 'sink-shared' }))
    await Promise.all(sinks.map((sink) => sink.begin()))
    await sinks[0]!.close()
    await sinks[1]!.write(batchOf([{ value: 'still there' }]), never)
    await sinks[1]!.close()
    const source = of.source({ connection, topics: ['sink-shared'], bounded: true })
    expect(await readToEnd(source)).toEqual(['still there'])
  })

  it('gives up what is on its way when it is closed', async () => {
    await createTopics(address, { 'sink-closed': 1 })
    const sink = await sinkTo('sink-closed')
    await sink.close()
    await expect(sink.write(batchOf([{ value: 'late' }]), never)).rejects.toMatchObject({
      code: 'PEER_UNAVAILABLE',
    })
  })
})
