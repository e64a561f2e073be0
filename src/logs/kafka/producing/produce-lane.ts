import type { TopicPartition } from '../../../core/log.ts'
import type { RecordBatch } from '../../../core/record-batch.ts'
import { releaseOwnBytes } from '../../../core/release-bytes.ts'
import type { NodeId, ProducerIdentity } from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import type { Codec } from '../records/codec.ts'
import { encodeRecords, stampProducer, type RecordRange } from '../records/encode-records.ts'
import { splitRecords } from '../records/split-records.ts'
import type { RetryDelay } from '../retry-delay.ts'
import type { Delivery } from './delivery.ts'
import { sequenceAfter } from './sequence.ts'

export interface LaneOptions {
  readonly transactional: boolean
  readonly codec: Codec
  readonly timing: boolean
  readonly delay: RetryDelay
}

/** Records as they were handed in. */
interface WaitingBatch {
  readonly batch: RecordBatch
  readonly delivery: Delivery
}

/** One record batch in Kafka's format, with its sequence number, until it is acknowledged. */
export interface LaneBatch {
  readonly lane: ProduceLane
  readonly bytes: Uint8Array
  readonly sequence: number
  /** The records, to be divided should the broker find the batch too large. */
  readonly batch: RecordBatch
  readonly range: RecordRange
  readonly delivery: Delivery
}

/**
 * The batches of one producer for one partition, in order. `ready` ones are sent; after an error the
 * lane is `held` until all that was on its way is answered, and what the error asks for is done.
 */
export class ProduceLane implements TopicPartition {
  readonly topic: string
  readonly partition: number
  readonly delay: RetryDelay
  state: 'held' | 'ready' = 'held'
  node: NodeId | null = null
  /** Of one batch, as far as is known. */
  maxBatchBytes = Infinity
  /** Batches at the head of the queue that are on their way. */
  inFlight = 0
  /** The first error since the lane was last ready, with the batch that met it. */
  failure: { readonly error: KafkaError; readonly batch: LaneBatch } | null = null
  readonly #options: LaneOptions
  /**
   * Whether the broker is known to know this producer. It takes the first batch that it sees of one it does
   * not know, whatever its sequence number: so while that is not sure there is one batch on its
   * way, and none that could overtake it when it fails.
   */
  #isProven = false
  #identity: ProducerIdentity | null = null
  #nextSequence = 0
  #waiting: WaitingBatch[] = []
  #queue: LaneBatch[] = []

  constructor({ topic, partition }: TopicPartition, options: LaneOptions) {
    this.topic = topic
    this.partition = partition
    this.delay = options.delay
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#waiting.length === 0
  }

  get hasIdentity(): boolean {
    return this.#identity !== null
  }

  /** The oldest batch that is not on its way, if it may be sent now. */
  get sendable(): LaneBatch | null {
    if (this.state !== 'ready' || (this.inFlight > 0 && !this.#isProven)) return null
    return this.#queue[this.inFlight] ?? null
  }

  add(batch: RecordBatch, delivery: Delivery): void {
    this.#waiting.push({ batch, delivery })
  }

  /** Encodes what waits, in batches of at most `maxBatchBytes`. */
  encode(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { batch, delivery } of waiting) {
      if (delivery.isOver) continue
      try {
        this.#encode(batch, delivery)
      } catch (error) {
        delivery.failed(error)
      }
    }
  }

  acknowledged(batch: LaneBatch): void {
    const index = this.#queue.indexOf(batch)
    if (index === -1) return
    this.#queue.splice(index, 1)
    // Brokers forget producers that they have not heard of for long.
    this.#isProven = this.#queue.length > 0
    releaseOwnBytes(batch.bytes)
    batch.delivery.delivered()
  }

  /** Nothing more is sent until what is on its way is answered, and somebody makes the lane ready again. */
  hold(): void {
    this.state = 'held'
    this.#isProven = false
  }

  /** Makes two batches of one that the broker has refused for its size; false for a single record. */
  divide(refused: LaneBatch): boolean {
    const { from, to } = refused.range
    const index = this.#queue.indexOf(refused)
    if (to - from === 1 || index === -1) return false
    const middle = (from + to) >> 1
    const second = sequenceAfter(refused.sequence, middle - from)
    this.#queue.splice(
      index,
      1,
      this.#encoded({ ...refused, range: { from, to: middle } }, refused.sequence),
      this.#encoded({ ...refused, range: { from: middle, to } }, second),
    )
    refused.delivery.divided(2)
    return true
  }

  /** Another producer goes on with what is left: its sequence numbers begin at 0. */
  identify(identity: ProducerIdentity): void {
    this.#identity = identity
    this.#isProven = false
    this.#nextSequence = 0
    this.#queue = this.#queue.map((batch) => {
      const sequence = this.#nextSequence
      this.#nextSequence = sequenceAfter(sequence, batch.range.to - batch.range.from)
      // A copy: the old request may still be on its way, from the old bytes.
      const bytes = new Uint8Array(batch.bytes)
      stampProducer(bytes, { ...identity, sequence })
      return { ...batch, bytes, sequence }
    })
  }

  /** Batches were lost, or are not to be sent any more: those after them need another producer. */
  forgetIdentity(): void {
    this.#identity = null
  }

  /** Drops what nobody waits for any more. To be called with nothing on its way. */
  purge(): void {
    const kept = this.#queue.filter(({ delivery }) => !delivery.isOver)
    // The gap that a dropped batch leaves in the sequence would block all that follow.
    if (kept.length < this.#queue.length) this.forgetIdentity()
    this.#queue = kept
    this.#waiting = this.#waiting.filter(({ delivery }) => !delivery.isOver)
  }

  /** Gives up all batches. */
  fail(error: unknown): void {
    const failed = [...this.#queue, ...this.#waiting]
    this.#queue = []
    this.#waiting = []
    this.forgetIdentity()
    for (const { delivery } of failed) delivery.failed(error)
  }

  #encode(batch: RecordBatch, delivery: Delivery): void {
    const { timing } = this.#options
    const { ranges, tooLarge } = splitRecords(batch, { maxBytes: this.maxBatchBytes, timing })
    const [first] = tooLarge
    if (first !== undefined) throw this.#tooLargeError(first)
    const encoded: LaneBatch[] = []
    let sequence = this.#nextSequence
    for (const range of ranges) {
      encoded.push(this.#encoded({ batch, delivery, range }, sequence))
      sequence = sequenceAfter(sequence, range.to - range.from)
    }
    // Only now, so that after an error nothing of it is left behind.
    delivery.divided(encoded.length)
    this.#queue.push(...encoded)
    this.#nextSequence = sequence
  }

  #encoded(source: Pick<LaneBatch, 'batch' | 'delivery' | 'range'>, sequence: number): LaneBatch {
    const { codec, timing, transactional } = this.#options
    const { batch, delivery, range } = source
    const producer = { ...this.#identity!, sequence }
    const bytes = encodeRecords(batch, range, { codec, timing, transactional, producer })
    return { lane: this, bytes, sequence, batch, range, delivery }
  }

  #tooLargeError({ index, sizeBytes }: { index: number; sizeBytes: number }): KafkaError {
    return new KafkaError(
      { code: 'MESSAGE_TOO_LARGE', kind: 'config', topic: this.topic },
      `writing to "${this.topic}/${this.partition}": record ${index} of a batch takes ${sizeBytes} bytes, ` +
        `and the topic takes ${this.maxBatchBytes}: raise its \`max.message.bytes\``,
    )
  }
}
