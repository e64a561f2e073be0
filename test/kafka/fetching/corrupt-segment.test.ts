import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Fetcher } from '../../../src/logs/kafka/fetching/fetcher.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { startBroker } from '../broker/start-broker.ts'
import {
  clock,
  connectTo,
  createTopic,
  idempotentProducer,
  never,
  numbers,
  random,
  until,
} from '../producing/producing-fixture.ts'

describeWithKafka('the fetcher, of a broker whose disk has changed a byte', () => {
  it('hands out what lies before it, and names the place', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'millrace-corrupt-'))
    const broker = await startBroker({ own: true, dataFolder })
    const client = await connectTo(broker.address)
    const fetcher = new Fetcher({ client, clock, random })
    try {
      const topic = await createTopic(client, 'damaged')
      const producer = idempotentProducer(client)
      for (const first of [0, 10, 20]) {
        await producer.send([{ topic, partition: 0, batch: numbers(first, 10, 100) }], never)
      }
      producer.close()
      await broker.kill('SIGTERM')
      const segment = join(dataFolder, 'damaged-0', '00000000000000000000.log')
      const bytes = readFileSync(segment)
      const middle = Math.floor(bytes.length / 2)
      bytes[middle] = bytes[middle]! ^ 0x10
      writeFileSync(segment, bytes)
      await broker.restart()

      const place = { topic, partition: 0 }
      const reader = fetcher.open({ ...place, offset: 0n, bufferBytes: 1e6, topicId: null })
      await until(() => reader.isReady)
      const [slice] = reader.take(1_000, 1e6)
      expect(slice!.batch.count).toBe(10)
      await until(() => reader.isReady)
      expect(() => reader.take(1, 1)).toThrow(
        expect.objectContaining({
          code: 'LOG_CORRUPT',
          message: expect.stringMatching(/topic damaged, partition 0, at offset 10: .*checksum/),
        }),
      )
      // Somebody decides to go on behind it.
      reader.seek(20n)
      await until(() => reader.isReady)
      expect(reader.take(1_000, 1e6)[0]!.baseOffset).toBe(20n)
    } finally {
      fetcher.close()
      await client.close()
      await broker.stop()
      rmSync(dataFolder, { recursive: true, force: true })
    }
  })
})
