import { PipelineError } from '../../../src/core/errors.ts'
import type { SliceBatch } from '../../../src/core/log.ts'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { Fetcher, type FetcherOptions } from '../../../src/logs/kafka/fetching/fetcher.ts'
import type {
  PartitionReader,
  ReaderOptions,
} from '../../../src/logs/kafka/fetching/partition-reader.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import {
  clock,
  connectTo,
  idempotentProducer,
  never,
  numbers,
  random,
  range,
} from '../producing/producing-fixture.ts'

export const mebibyte = 1024 * 1024

/** A broker of the test's own, with a client and the fetchers of the tests. */
export class FetchingScene {
  readonly broker: TestBroker
  readonly client: KafkaClient
  readonly #fetchers: Fetcher[] = []

  private constructor(broker: TestBroker, client: KafkaClient) {
    this.broker = broker
    this.client = client
  }

  static async start(dataFolder?: string): Promise<FetchingScene> {
    const options = dataFolder === undefined ? {} : { dataFolder }
    const broker = await startBroker({ own: true, ...options })
    return new FetchingScene(broker, await connectTo(broker.address))
  }

  closeFetchers(): void {
    for (const fetcher of this.#fetchers.splice(0)) fetcher.close()
  }

  async stop(): Promise<void> {
    this.closeFetchers()
    await this.client.close()
    await this.broker.stop()
  }

  fetcher(options: Partial<FetcherOptions> = {}): Fetcher {
    const fetcher = new Fetcher({ client: this.client, clock, random, ...options })
    this.#fetchers.push(fetcher)
    return fetcher
  }

  readerOf(
    topic: string,
    options: Partial<ReaderOptions> = {},
    fetcher = this.fetcher(),
  ): PartitionReader {
    const defaults = { partition: 0, offset: 0n, bufferBytes: 8 * mebibyte, topicId: null }
    return fetcher.open({ topic, ...defaults, ...options })
  }

  async write(
    topic: string,
    batches: readonly (readonly [first: number, count: number, bytes?: number])[],
    partition = 0,
  ): Promise<void> {
    const producer = idempotentProducer(this.client)
    for (const [first, count, bytes] of batches) {
      await producer.send([{ topic, partition, batch: numbers(first, count, bytes) }], never)
    }
    producer.close()
  }
}

/** The next `count` numbers, or more where a batch has them. */
export async function read(reader: PartitionReader, count: number): Promise<number[]> {
  const found: number[] = []
  while (found.length < count) {
    await reader.whenReady(never)
    found.push(...reader.take(1_000, mebibyte).flatMap(numbersOf))
  }
  return found
}

export function numbersOf({ batch, from }: SliceBatch): number[] {
  return range(from, batch.count - from).map((index) => Number(batch.valueText(index)))
}

/** The error that the reader meets. */
export async function errorOf(reader: PartitionReader): Promise<PipelineError> {
  for (;;) {
    await reader.whenReady(never)
    try {
      reader.take(Infinity, Infinity)
    } catch (error) {
      if (error instanceof PipelineError) return error
      throw error
    }
  }
}
