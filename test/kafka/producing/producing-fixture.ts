import { createSystemClock } from '../../../src/clock/system-clock.ts'
import { createSystemRandom } from '../../../src/clock/system-random.ts'
import type { TopicPartition } from '../../../src/core/log.ts'
import { RecordBatchBuilder } from '../../../src/core/record-batch-builder.ts'
import type { RecordBatch } from '../../../src/core/record-batch.ts'
import { connectKafka } from '../../../src/logs/kafka/client/connect-kafka.ts'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { KafkaError } from '../../../src/logs/kafka/client/kafka-error.ts'
import { IdempotentProducer } from '../../../src/logs/kafka/producing/idempotent-producer.ts'
import { TopicLimits } from '../../../src/logs/kafka/producing/topic-limits.ts'
import {
  TransactionalProducer,
  type TransactionalProducerOptions,
} from '../../../src/logs/kafka/producing/transactional-producer.ts'
import type { BatchSenderOptions } from '../../../src/logs/kafka/producing/batch-sender.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { consumeAll, type JavaIsolation } from '../java/kafka-tool.ts'
import type { FaultProxy } from '../proxy/fault-proxy.ts'
import { startBehindProxy } from '../proxy/start-behind-proxy.ts'

export const clock = createSystemClock()
export const random = createSystemRandom()
export const never = new AbortController().signal

/** Short: a lost answer is noticed by its connection, and a silent broker soon. */
const requestTimeoutMs = 3_000

export function connectTo(address: string): Promise<KafkaClient> {
  const options = { brokers: [address], clientId: 'flow-tests', tls: null, sasl: null }
  return connectKafka({ ...options, clock, requestTimeoutMs })
}

/** Records with the numbers from `first` on as values, each padded to `bytes`. */
export function numbers(first: number, count: number, bytes = 1): RecordBatch {
  const builder = new RecordBatchBuilder('p.test/0')
  const times = {
    // Not older than the retention of the topic.
    timestampMs: clock.wallMs(),
    eventTimeMs: NaN,
    ingestUs: 0,
    waitUs: 0,
    runUs: 0,
  }
  for (let number = first; number < first + count; number++) {
    const value = `${number}`.padEnd(bytes, ' ')
    builder.append({ key: `${number}`, value, headers: new Uint8Array(0), times })
  }
  return builder.finish()
}

export function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index)
}

export async function createTopic(
  client: KafkaClient,
  name: string,
  { partitions = 1, config = {} }: { partitions?: number; config?: Record<string, string> } = {},
): Promise<string> {
  await client.createTopics([{ name, partitions, replication: -1, config }], {
    validateOnly: false,
  })
  return name
}

/** By partition, the numbers in the topic, in order, as Kafka's own consumer reads them. */
export async function numbersIn(
  address: string,
  topic: string,
  isolation: JavaIsolation = 'read_committed',
): Promise<number[][]> {
  const found: number[][] = []
  for (const { partition, value } of await consumeAll(address, topic, { isolation })) {
    found[partition] ??= []
    found[partition].push(Number(value?.toString()))
  }
  return found
}

type SenderOptions = Pick<BatchSenderOptions, 'codec' | 'maxInFlight' | 'onTrouble'>

export function idempotentProducer(
  client: KafkaClient,
  options: Partial<SenderOptions> = {},
): IdempotentProducer {
  const limits = new TopicLimits(client, clock)
  const timing = () => true
  return new IdempotentProducer({
    client,
    clock,
    random,
    limits,
    timing,
    codec: 'none',
    ...options,
  })
}

/** The producer of a task with one input, whose position is that of its group `<id>`. */
export function transactionalProducer(
  client: KafkaClient,
  id: string,
  options: Partial<TransactionalProducerOptions> = {},
): TransactionalProducer {
  return new TransactionalProducer({
    client,
    clock,
    random,
    limits: new TopicLimits(client, clock),
    timing: () => true,
    codec: 'none',
    transactionalId: id,
    inputs: [{ group: id, partitions: [inputOf(id)] }],
    ...options,
  })
}

/** Positions need no records: the topic only has to exist. */
export function inputOf(id: string): TopicPartition {
  return { topic: `${id}-in`, partition: 0 }
}

/** A commit that moves the position of the task to `offset`. */
export function offsetsTo(
  id: string,
  offset: number,
): { group: string; offsets: (TopicPartition & { offset: bigint })[] }[] {
  return [{ group: id, offsets: [{ ...inputOf(id), offset: BigInt(offset) }] }]
}

/** What the caller of a client does about errors that pass. */
export async function again<Answer>(request: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await request()
    } catch (error) {
      if (!(error instanceof KafkaError) || error.kind !== 'retriable') throw error
      await clock.sleep(5)
    }
  }
}

/** The error of a promise that is to fail. */
export async function failureOf(promise: Promise<unknown>): Promise<KafkaError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof KafkaError) return error
    throw error
  }
  throw new Error('it did not fail')
}

export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const endUs = clock.monotonicUs() + 30_000_000
  while (!(await isTrue())) {
    if (clock.monotonicUs() > endUs) throw new Error('it did not come true in time')
    await clock.sleep(10)
  }
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN
}

/** Every request of a transaction, in the order of its life. */
export const transactionSteps = [
  'AddPartitionsToTxn',
  'Produce',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
  'EndTxn',
] as const

/** A broker of the test's own, whose clients go through a proxy, and one such client. */
export class ProxiedBroker {
  readonly broker: TestBroker
  readonly proxy: FaultProxy
  readonly client: KafkaClient
  readonly #closing: (() => Promise<void> | void)[] = []

  private constructor(broker: TestBroker, proxy: FaultProxy, client: KafkaClient) {
    this.broker = broker
    this.proxy = proxy
    this.client = client
  }

  static async start(): Promise<ProxiedBroker> {
    // Overdue transactions are looked for that often.
    const properties = { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '100' }
    const { broker, proxy } = await startBehindProxy({ own: true, properties })
    return new ProxiedBroker(broker, proxy, await connectTo(proxy.address))
  }

  /** Not through the proxy. */
  get address(): string {
    return this.broker.address
  }

  idempotent(options: Partial<SenderOptions> = {}): IdempotentProducer {
    const producer = idempotentProducer(this.client, options)
    this.#closing.push(() => producer.close())
    return producer
  }

  transactional(
    id: string,
    options: Partial<TransactionalProducerOptions> = {},
  ): TransactionalProducer {
    const producer = transactionalProducer(this.client, id, options)
    this.#closing.push(() => producer.close())
    return producer
  }

  /** What the tests of a file leave behind. */
  async closeProducers(): Promise<void> {
    this.proxy.restore()
    this.proxy.accept()
    for (const close of this.#closing.splice(0)) await close()
  }

  /** Throws when a fault that was asked for has not happened. */
  async stop(): Promise<void> {
    await this.closeProducers()
    await this.client.close()
    await this.broker.stop()
    await this.proxy.stop()
  }

  /** A task with a topic of its own name, and one as its input. */
  async newTask(id: string, partitions = 1): Promise<void> {
    await createTopic(this.client, id, { partitions })
    await createTopic(this.client, inputOf(id).topic)
  }

  /** Once the last transaction is completed. */
  async positionOf(id: string): Promise<bigint | null> {
    const [offset = null] = await again(() => this.client.fetchOffsets(id, [inputOf(id)]))
    return offset
  }

  numbersIn(topic: string, isolation: JavaIsolation = 'read_committed'): Promise<number[][]> {
    return numbersIn(this.address, topic, isolation)
  }
}

/** Copies `count` records from `first` on to the topic of the task: the position says how far it came. */
export function copy(
  sender: TransactionalProducer,
  id: string,
  [first, count]: readonly [number, number],
): Promise<'committed' | 'not_kept'> {
  return sender.commit({
    outputs: [{ topic: id, partition: 0, batch: numbers(first, count) }],
    offsets: offsetsTo(id, first + count),
  })
}
