import { createSystemClock } from '../../../src/clock/system-clock.ts'
import { RecordBatchBuilder } from '../../../src/core/record-batch-builder.ts'
import { connectKafka } from '../../../src/logs/kafka/client/connect-kafka.ts'
import type { KafkaClientOptions } from '../../../src/logs/kafka/client/connect-options.ts'
import type { KafkaClient, Transaction } from '../../../src/logs/kafka/client/kafka-client.ts'
import { KafkaError } from '../../../src/logs/kafka/client/kafka-error.ts'
import { decodeRecords } from '../../../src/logs/kafka/records/decode-records.ts'
import { encodeRecords } from '../../../src/logs/kafka/records/encode-records.ts'

export const clock = createSystemClock()
const retryLimitMs = 30_000
const retryPauseMs = 5
const noTimes = {
  timestampMs: 1_700_000_000_000,
  eventTimeMs: NaN,
  ingestUs: 0,
  waitUs: 0,
  runUs: 0,
}
const transactionTimeoutMs = 30_000
const maxBytes = 1 << 20
/** How long brokers may wait for their replicas; clients wait so much longer for the answer. */
export const produceTimeoutMs = 1_000

export function connectTo(
  address: string,
  options: Partial<KafkaClientOptions> = {},
): Promise<KafkaClient> {
  return connectKafka({
    brokers: [address],
    clientId: 'client-tests',
    clock,
    tls: null,
    sasl: null,
    ...options,
  })
}

/** The error of a request that is to fail. */
export async function failureOf(request: Promise<unknown>): Promise<KafkaError> {
  try {
    await request
  } catch (error) {
    if (error instanceof KafkaError) return error
    throw error
  }
  throw new Error('the request did not fail')
}

/** What callers of the client do about errors of the kind `retriable`; counts them by code. */
export async function again<T>(
  request: () => Promise<T>,
  seen = new Map<string, number>(),
): Promise<T> {
  const endUs = clock.monotonicUs() + retryLimitMs * 1_000
  for (;;) {
    try {
      return await request()
    } catch (error) {
      if (!(error instanceof KafkaError) || error.kind !== 'retriable') throw error
      if (clock.monotonicUs() > endUs) throw error
      seen.set(error.code, (seen.get(error.code) ?? 0) + 1)
      await clock.sleep(retryPauseMs)
    }
  }
}

/** Waits until it holds. */
export async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const endUs = clock.monotonicUs() + retryLimitMs * 1_000
  while (!(await isTrue())) {
    if (clock.monotonicUs() > endUs) throw new Error('it did not come true in time')
    await clock.sleep(retryPauseMs)
  }
}

export interface Writer {
  readonly producerId: bigint
  readonly epoch: number
  readonly sequence: number
}

/** One record batch with these values; `writer` null: of nobody. */
export function recordsOf(
  values: readonly string[],
  writer: Writer | null = null,
  transactional = false,
): Uint8Array {
  const builder = new RecordBatchBuilder('')
  for (const value of values) {
    builder.append({ key: null, value, headers: new Uint8Array(0), times: noTimes })
  }
  const batch = builder.finish()
  const options = { codec: 'none', producer: writer, transactional, timing: false } as const
  return encodeRecords(batch, { from: 0, to: batch.count }, options)
}

/** A client with a topic of its own and short words for what tests do. */
export class Scene {
  readonly client: KafkaClient
  readonly topic: string

  constructor(client: KafkaClient, topic: string) {
    this.client = client
    this.topic = topic
  }

  static async open(client: KafkaClient, topic: string, partitions = 1): Promise<Scene> {
    const created = { name: topic, partitions, replication: -1, config: {} }
    await client.createTopics([created], { validateOnly: false })
    const places = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
    // A broker that is named as the leader may not know it yet.
    await again(() => client.listOffsets(places, 'latest', 'read_uncommitted'))
    return new Scene(client, topic)
  }

  at(partition = 0): { topic: string; partition: number } {
    return { topic: this.topic, partition }
  }

  async produce(values: readonly string[], partition = 0): Promise<bigint> {
    return this.write({ records: recordsOf(values), transactionalId: null, partition })
  }

  /** Produces within a transaction. @param sequence of the first record. */
  produceIn(transaction: Transaction, values: readonly string[], sequence = 0): Promise<bigint> {
    const records = recordsOf(values, { ...transaction, sequence }, true)
    return this.write({ records, transactionalId: transaction.transactionalId })
  }

  /** By an idempotent producer. */
  produceAs(writer: Writer, value: string): Promise<bigint> {
    return this.write({ records: recordsOf([value], writer), transactionalId: null })
  }

  async write({
    records,
    transactionalId,
    partition = 0,
  }: {
    readonly records: Uint8Array
    readonly transactionalId: string | null
    readonly partition?: number
  }): Promise<bigint> {
    const node = await this.client.leaderOf(this.at(partition))
    const batches = [{ ...this.at(partition), records }]
    const [result] = await this.client.produce(node, {
      transactionalId,
      timeoutMs: produceTimeoutMs,
      batches,
    })
    if (result!.error !== null) throw result!.error
    return result!.baseOffset
  }

  async values(isolation: 'read_committed' | 'read_uncommitted'): Promise<string[]> {
    const node = await this.client.leaderOf(this.at())
    const end = (await this.client.listOffsets([this.at()], 'latest', isolation))[0]!
    const values: string[] = []
    for (let offset = 0n; offset < end;) {
      const fetched = await this.client.fetch(
        node,
        {
          maxWaitMs: 1_000,
          minBytes: 1,
          maxBytes,
          isolation,
          partitions: [{ ...this.at(), offset, maxBytes }],
        },
        new AbortController().signal,
      )
      const partition = fetched[0]!
      if (partition.error !== null) throw partition.error
      const decoded = decodeRecords(partition, { offset, isolation })
      for (const { batch, from } of decoded.batches) {
        for (let i = from; i < batch.count; i++) values.push(batch.valueText(i) ?? '')
      }
      offset = decoded.next
    }
    return values
  }

  /** A producer with a new epoch. */
  async begin(transactionalId: string, timeoutMs = transactionTimeoutMs): Promise<Transaction> {
    const identity = await again(() => this.client.initProducer(transactionalId, timeoutMs))
    return { ...identity, transactionalId }
  }
}
