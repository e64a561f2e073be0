import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import {
  clock,
  createTopic,
  idempotentProducer,
  never,
  numbers,
} from '../producing/producing-fixture.ts'
import { FetchingScene, mebibyte } from './fetching-scene.ts'

describeWithKafka('the fetcher, with much to read', () => {
  let scene: FetchingScene

  beforeAll(async () => {
    scene = await FetchingScene.start()
  })
  afterEach(() => scene.closeFetchers())
  afterAll(() => scene.stop())

  it('reads a backlog of 1,000,000 records', async () => {
    const topic = await createTopic(scene.client, 'backlog', { partitions: 4 })
    const producer = idempotentProducer(scene.client)
    const batch = numbers(0, 2_000, 230)
    const sentUs = clock.monotonicUs()
    const send = async (partition: number) => {
      for (let sent = 0; sent < 125; sent++) {
        await producer.send([{ topic, partition, batch }], never)
      }
    }
    await Promise.all([0, 1, 2, 3].map(send))
    const rate = (us: number) => Math.round(1_000_000 / (us / 1e6)).toLocaleString('en')
    const sendRate = rate(clock.monotonicUs() - sentUs)
    producer.close()
    const fetcher = scene.fetcher()
    const startUs = clock.monotonicUs()
    const take = async (partition: number) => {
      const reader = scene.readerOf(topic, { partition }, fetcher)
      for (let taken = 0; taken < 250_000;) {
        await reader.whenReady(never)
        for (const slice of reader.take(2_000, mebibyte)) taken += slice.batch.count
      }
      expect(reader.position).toBe(250_000n)
    }
    await Promise.all([0, 1, 2, 3].map(take))
    const readRate = rate(clock.monotonicUs() - startUs)
    process.stdout.write(
      `230-byte records over 4 partitions: ${sendRate}/s produced, ${readRate}/s fetched\n`,
    )
  }, 120_000)
})
