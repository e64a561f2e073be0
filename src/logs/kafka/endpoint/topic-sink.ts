import type { KafkaSinkOptions, Sink, SinkMemory, SinkReceipt } from '../../../core/endpoints.ts'
import { asPipelineError, messageOf } from '../../../core/errors.ts'
import type { RecordBatch } from '../../../core/record-batch.ts'
import type { KafkaClient } from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import { IdempotentProducer } from '../producing/idempotent-producer.ts'
import { TopicLimits } from '../producing/topic-limits.ts'
import { deliverRecords } from './deliver-records.ts'
import { endpointError, unavailable, type EndpointContext } from './endpoint-context.ts'
import { findTopics } from './find-topics.ts'
import { RecordSpreader, type PartitionRecords } from './record-spreader.ts'
import type { ClientLease, SharedClients } from './shared-clients.ts'

interface OpenTopic {
  readonly client: KafkaClient
  readonly producer: IdempotentProducer
  readonly limits: TopicLimits
  partitions: number
  /** When to ask again how many partitions there are, monotonic µs. */
  staleUs: number
}

/** A batch on its way, also while the caller believes the brokers to be away. */
interface Pending {
  readonly batch: RecordBatch
  readonly done: Promise<SinkReceipt['failures']>
  isDone: boolean
}

/** How long a write may take before the stage is told that it waits: with an error, and without one. */
const troubleMs = 1_000
const silenceMs = 10_000
/** How long a write that has begun may go on when the stage is to stop. */
const finishMs = 2_000
const partitionsKeptMs = 60_000

/** Writes to a topic, each record at least once. */
export class KafkaTopicSink implements Sink {
  readonly #options: KafkaSinkOptions
  readonly #context: EndpointContext
  readonly #clients: SharedClients
  readonly #spreader: RecordSpreader
  readonly #closing = new AbortController()
  #lease: ClientLease | null = null
  #open: OpenTopic | null = null
  #pending: Pending | null = null
  /** Why the producer waits at the moment. */
  #trouble: KafkaError | null = null

  constructor(options: KafkaSinkOptions, context: EndpointContext, clients: SharedClients) {
    const { timestamp } = options
    this.#options = options
    this.#context = context
    this.#clients = clients
    this.#spreader = new RecordSpreader({ timestamp })
  }

  async begin(): Promise<SinkMemory> {
    try {
      await this.#topic()
      return null
    } catch (thrown) {
      throw this.#translated(thrown)
    }
  }

  async write(batch: RecordBatch, signal: AbortSignal): Promise<SinkReceipt> {
    // The same batch again: it may still be on its way, and would be written twice.
    if (this.#pending?.batch !== batch) this.#pending = this.#begin(batch)
    const pending = this.#pending
    await this.#settle(pending, signal)
    if (!pending.isDone) {
      const { connection, topic } = this.#options
      const reason = this.#trouble?.message ?? `no broker has taken the records for "${topic}" yet`
      throw unavailable(connection, reason)
    }
    this.#pending = null
    try {
      return { memory: null, failures: await pending.done }
    } catch (thrown) {
      throw this.#translated(thrown)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#open?.producer.close()
    await this.#pending?.done.catch(() => {})
    await this.#lease?.release()
    this.#pending = null
    this.#open = null
    this.#lease = null
  }

  #begin(batch: RecordBatch): Pending {
    const pending = { batch, done: this.#send(batch), isDone: false }
    const settled = () => {
      pending.isDone = true
    }
    pending.done.then(settled, settled)
    return pending
  }

  /** Returns when the batch is written or refused, or when it takes so long that the stage should know. */
  async #settle(pending: Pending, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context
    const over = new AbortController()
    const within = (ms: number, stop?: AbortSignal) => {
      const signals = stop === undefined ? [over.signal] : [over.signal, stop]
      return Promise.race([
        pending.done.then(
          () => {},
          () => {},
        ),
        clock.sleep(ms, AbortSignal.any(signals)),
      ])
    }
    await within(troubleMs, signal)
    if (!pending.isDone && this.#trouble === null) await within(silenceMs - troubleMs, signal)
    if (!pending.isDone && signal.aborted) await within(finishMs)
    over.abort()
  }

  async #send(batch: RecordBatch): Promise<SinkReceipt['failures']> {
    const { topic, timingHeader: timing } = this.#options
    const { producer, limits, partitions } = await this.#topic()
    const maxBytes = await limits.maxBatchBytes(topic)
    const send = ({ partition, batch: records }: PartitionRecords) =>
      producer.send([{ topic, partition, batch: records }], this.#closing.signal)
    const written = await Promise.all(
      this.#spreader
        .spread(batch, partitions)
        .map((records) => deliverRecords(records, { topic, maxBytes, timing, send })),
    )
    return written.flat()
  }

  /** Connected, and with the partitions that there are. */
  async #topic(): Promise<OpenTopic> {
    const { connection, topic } = this.#options
    const { clock } = this.#context
    const nowUs = clock.monotonicUs()
    if (this.#open !== null && nowUs < this.#open.staleUs) return this.#open
    this.#lease ??= await this.#clients.lease(connection)
    const { client } = this.#lease
    const wanted = { connection, topics: [topic], setting: 'topic' }
    const found = await findTopics({ client, clock }, wanted, this.#closing.signal)
    if (found === null) throw unavailable(connection, 'the sink was closed')
    this.#open ??= this.#producing(client)
    this.#open.partitions = found[0]!.leaders.length
    this.#open.staleUs = nowUs + 1_000 * partitionsKeptMs
    return this.#open
  }

  #producing(client: KafkaClient): OpenTopic {
    const { clock, random } = this.#context
    const { compression: codec, timingHeader } = this.#options
    const limits = new TopicLimits(client, clock)
    const onTrouble = (error: KafkaError | null) => {
      this.#trouble = error
    }
    const timing = () => timingHeader
    const producer = new IdempotentProducer({
      client,
      clock,
      random,
      limits,
      codec,
      timing,
      onTrouble,
    })
    return { client, producer, limits, partitions: 0, staleUs: 0 }
  }

  #translated(thrown: unknown) {
    const { connection, topic } = this.#options
    if (!(thrown instanceof KafkaError)) return asPipelineError(thrown)
    // Closing stops what was on its way.
    if (thrown.code === 'CLOSED') return unavailable(connection, messageOf(thrown))
    return endpointError(
      thrown,
      connection,
      `the rights Describe and Write on the topic "${topic}"`,
    )
  }
}
