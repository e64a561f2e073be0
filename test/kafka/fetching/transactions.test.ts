import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { RecordBatch } from '../../../src/core/record-batch.ts'
import type { PartitionReader } from '../../../src/logs/kafka/fetching/partition-reader.ts'
import { encodeRecords } from '../../../src/logs/kafka/records/encode-records.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import {
  again,
  createTopic,
  inputOf,
  never,
  numbers,
  numbersIn,
  offsetsTo,
  range,
  transactionalProducer,
  until,
} from '../producing/producing-fixture.ts'
import { FetchingScene, mebibyte, numbersOf, read } from './fetching-scene.ts'

describeWithKafka('the fetcher, in a topic with transactions', () => {
  let scene: FetchingScene

  beforeAll(async () => {
    scene = await FetchingScene.start()
  })
  afterEach(() => scene.closeFetchers())
  afterAll(() => scene.stop())

  it('never hands out what a transaction has aborted, and stands behind all marks', async () => {
    const topic = await createTopic(scene.client, 'aborted')
    await createTopic(scene.client, inputOf(topic).topic)
    const reader = scene.readerOf(topic)
    const seen: number[] = []
    const stopped = new AbortController()
    const reading = (async () => {
      while (!stopped.signal.aborted) {
        await reader.whenReady(stopped.signal)
        seen.push(...reader.take(100, mebibyte).flatMap(numbersOf))
      }
    })()
    const kept: number[] = []
    const producer = transactionalProducer(scene.client, topic)
    await producer.open()
    for (let round = 0; round < 20; round++) {
      await abort(topic, numbers(round * 100, 50))
      const outputs = [{ topic, partition: 0, batch: numbers(round * 100 + 50, 50) }]
      await producer.commit({ outputs, offsets: offsetsTo(topic, round + 1) })
      kept.push(...range(round * 100 + 50, 50))
    }
    await producer.close()
    await untilAtEnd(reader)
    stopped.abort()
    await reading
    expect(seen).toEqual(kept)
    expect(reader.lag()).toBe(0)
    expect((await numbersIn(scene.broker.address, topic, 'read_uncommitted')).flat()).toHaveLength(
      2_000,
    )
  })

  /** Writes records in a transaction that is then undone. */
  async function abort(topic: string, batch: RecordBatch): Promise<void> {
    const { place, transaction } = await begin(topic, `${topic}-undone`)
    const producer = { ...transaction, sequence: 0 }
    const options = { codec: 'none', producer, transactional: true, timing: true } as const
    const records = encodeRecords(batch, { from: 0, to: batch.count }, options)
    const { transactionalId } = transaction
    const node = await scene.client.leaderOf(place)
    const request = { transactionalId, timeoutMs: 5_000, batches: [{ ...place, records }] }
    expect(await scene.client.produce(node, request)).toMatchObject([{ error: null }])
    await scene.client.endTransaction(transaction, 'abort')
  }

  it('stops before a transaction that is open, and says how far behind it is', async () => {
    const topic = await createTopic(scene.client, 'open')
    await scene.write(topic, [[0, 5]])
    const reader = scene.readerOf(topic)
    expect(await read(reader, 5)).toEqual(range(0, 5))
    const { transaction } = await begin(topic)
    expect(reader.lag()).toBe(0)
    expect(reader.isReady).toBe(false)
    const before = reader.position
    const past = reader.whenPast(before, never)
    await scene.client.endTransaction(transaction, 'commit')
    await past
    // Nothing was written but the mark of the end.
    await untilAtEnd(reader)
    expect(reader.isReady).toBe(false)
  })

  /** Marks follow the end of a transaction after a while, and move the end. */
  function untilAtEnd(reader: PartitionReader): Promise<void> {
    return until(async () => {
      const [end] = await scene.client.listOffsets([reader], 'latest', 'read_uncommitted')
      return reader.position === end
    })
  }

  /** Opens a transaction with one partition, and without records. */
  async function begin(topic: string, transactionalId = topic) {
    const place = { topic, partition: 0 }
    const identity = await again(() => scene.client.initProducer(transactionalId, 60_000))
    const transaction = { ...identity, transactionalId }
    await scene.client.addPartitions(transaction, [place])
    return { place, transaction }
  }
})
