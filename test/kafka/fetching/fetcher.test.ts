import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import {
  clock,
  createTopic,
  idempotentProducer,
  never,
  numbers,
  quantile,
  range,
  until,
} from '../producing/producing-fixture.ts'
import { FetchingScene, mebibyte, numbersOf, read } from './fetching-scene.ts'

/** Less than half of the time that a broker is asked to wait for records, also where others use the machine. */
const soonMs = 200

describeWithKafka('the fetcher', () => {
  let scene: FetchingScene

  beforeAll(async () => {
    scene = await FetchingScene.start()
  })
  afterEach(() => scene.closeFetchers())
  afterAll(() => scene.stop())

  it('hands out batches in order, from an offset inside of one', async () => {
    const topic = await createTopic(scene.client, 'inside')
    await scene.write(topic, [
      [0, 10],
      [10, 10],
      [20, 10],
    ])
    const reader = scene.readerOf(topic, { offset: 13n })
    expect(await read(reader, 17)).toEqual(range(13, 17))
    expect(reader.position).toBe(30n)
    expect(reader.lag()).toBe(0)
  })

  it('takes whole batches, at least one and no more than was asked for', async () => {
    const topic = await createTopic(scene.client, 'whole')
    await scene.write(topic, [
      [0, 10],
      [10, 10],
      [20, 10],
    ])
    const reader = scene.readerOf(topic)
    await until(() => reader.lag() === 30 && reader.isReady)
    expect(reader.take(1, 1).flatMap(numbersOf)).toEqual(range(0, 10))
    expect(reader.position).toBe(10n)
    expect(reader.lag()).toBe(20)
    expect(reader.take(25, mebibyte).flatMap(numbersOf)).toEqual(range(10, 20))
    expect(reader.take(1, 1)).toEqual([])
  })

  it('hands out what is written while it waits, soon', async () => {
    const topic = await createTopic(scene.client, 'soon')
    const reader = scene.readerOf(topic)
    const producer = idempotentProducer(scene.client)
    await producer.send([{ topic, partition: 0, batch: numbers(0, 1) }], never)
    await read(reader, 1)
    const timesMs: number[] = []
    let taken = 1
    const reading = (async () => {
      while (taken < 2_001) {
        await reader.whenReady(never)
        const nowUs = clock.monotonicUs()
        for (const { batch } of reader.take(Infinity, Infinity)) {
          for (const index of range(0, batch.count)) {
            timesMs.push((nowUs - Number(batch.valueText(index))) / 1_000)
          }
          taken += batch.count
        }
      }
    })()
    // 2,000 records/s.
    const sends: Promise<void>[] = []
    for (let sent = 0; sent < 2_000; sent += 10) {
      const batch = numbers(Math.round(clock.monotonicUs()), 10)
      sends.push(producer.send([{ topic, partition: 0, batch }], never))
      await clock.sleep(5)
    }
    await Promise.all([...sends, reading])
    process.stdout.write(
      `from send to take at 2,000 records/s: p50 ${quantile(timesMs, 0.5).toFixed(1)} ms, ` +
        `p99 ${quantile(timesMs, 0.99).toFixed(1)} ms\n`,
    )
    expect(quantile(timesMs, 0.5)).toBeLessThan(soonMs)
    producer.close()
  })

  it('reads ahead no more than its buffer holds, and goes on when there is room', async () => {
    const topic = await createTopic(scene.client, 'ahead', { partitions: 2 })
    const batches = range(0, 40).map((index) => [index * 500, 500, 1_000] as const)
    for (const partition of [0, 1]) await scene.write(topic, batches, partition)
    const fetcher = scene.fetcher()
    const bufferBytes = 2 * mebibyte
    const full = scene.readerOf(topic, { bufferBytes }, fetcher)
    const busy = scene.readerOf(topic, { partition: 1, bufferBytes }, fetcher)
    // The other one is not held up by the one that nobody takes from.
    expect(await read(busy, 20_000)).toEqual(range(0, 20_000))
    expect(fetcher.bufferedBytes).toBeGreaterThan(mebibyte / 2)
    // One batch may be more than there was room for.
    expect(fetcher.bufferedBytes).toBeLessThan(bufferBytes + mebibyte)
    expect(await read(full, 20_000)).toEqual(range(0, 20_000))
    await until(() => fetcher.bufferedBytes === 0)
  })

  it('reads ahead no more than all buffers may hold together, and starves nobody', async () => {
    const partitions = 8
    const topic = await createTopic(scene.client, 'together', { partitions })
    const batches = range(0, 10).map((index) => [index * 500, 500, 1_000] as const)
    for (const partition of range(0, partitions)) await scene.write(topic, batches, partition)
    const fetcher = scene.fetcher({ totalBytes: 3 * mebibyte })
    const readers = range(0, partitions).map((partition) =>
      scene.readerOf(topic, { partition }, fetcher),
    )
    await until(() => readers.every(({ isReady }) => isReady))
    await clock.sleep(200)
    expect(fetcher.bufferedBytes).toBeLessThan(10 * mebibyte)
    const all = await Promise.all(readers.map((reader) => read(reader, 5_000)))
    expect(all).toEqual(range(0, partitions).map(() => range(0, 5_000)))
  })

  it('goes on elsewhere after a seek, and ends after a close', async () => {
    const topic = await createTopic(scene.client, 'seek')
    await scene.write(topic, [
      [0, 10],
      [10, 10],
    ])
    const fetcher = scene.fetcher()
    const reader = scene.readerOf(topic, {}, fetcher)
    expect(await read(reader, 20)).toEqual(range(0, 20))
    reader.seek(5n)
    expect(reader.position).toBe(5n)
    expect(await read(reader, 15)).toEqual(range(5, 15))
    reader.seek(15n)
    reader.seek(3n)
    expect(await read(reader, 17)).toEqual(range(3, 17))
    const waiting = reader.whenReady(never)
    reader.close()
    await waiting
    expect(() => reader.take(1, 1)).toThrow('stopped')
    expect(fetcher.bufferedBytes).toBe(0)
  })

  it('goes on when the broker comes back, and says so once', async () => {
    const topic = await createTopic(scene.client, 'back', { partitions: 2 })
    const notices: string[] = []
    const fetcher = scene.fetcher({ notice: (message) => notices.push(message) })
    const readers = [0, 1].map((partition) => scene.readerOf(topic, { partition }, fetcher))
    for (const partition of [0, 1]) await scene.write(topic, [[0, 10]], partition)
    for (const reader of readers) expect(await read(reader, 10)).toEqual(range(0, 10))
    await scene.broker.kill('SIGKILL')
    await until(() => notices.length > 0)
    await clock.sleep(500)
    await scene.broker.restart()
    for (const partition of [0, 1]) await scene.write(topic, [[10, 10]], partition)
    for (const reader of readers) expect(await read(reader, 10)).toEqual(range(10, 10))
    expect(notices).toHaveLength(2)
    expect(notices[0]).toContain('waits and tries again')
    expect(notices[1]).toContain('goes on')
  })
})
