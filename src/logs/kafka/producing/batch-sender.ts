import type { Clock, Random } from '../../../core/clock.ts'
import { messageOf } from '../../../core/errors.ts'
import type { TopicPartition } from '../../../core/log.ts'
import type { RecordBatch } from '../../../core/record-batch.ts'
import type {
  KafkaClient,
  NodeId,
  ProducerIdentity,
  ProduceResult,
} from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import type { Codec } from '../records/codec.ts'
import { RetryDelay } from '../retry-delay.ts'
import { Delivery } from './delivery.ts'
import { ProduceLane, type LaneBatch } from './produce-lane.ts'
import type { TopicLimits } from './topic-limits.ts'

export type ProducedBatch = TopicPartition & { readonly batch: RecordBatch }

/**
 * What to do about an error: the same bytes `again` (the broker drops what it has already), all that is
 * left as a `new` producer, or `fail`.
 */
export type SendVerdict = 'again' | 'new' | 'fail'

export interface BatchSenderOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly random: Random
  readonly limits: TopicLimits
  readonly transactionalId: string | null
  readonly codec: Codec
  /** Whether records of the topic carry the timing header. */
  readonly timing: (topic: string) => boolean
  readonly identify: () => Promise<ProducerIdentity>
  readonly judge: (error: KafkaError) => SendVerdict
  /** Told of the first error after all went well, and when all goes well again. */
  readonly onTrouble?: (error: KafkaError | null) => void
  readonly maxInFlight?: number
}

/** Of one broker. More than 5 and it cannot tell a repeated batch from a new one. */
const defaultMaxInFlight = 5
/** Requests are filled with batches of several partitions up to here. */
const maxRequestBytes = 8 * 1024 * 1024
/** How long the broker may wait for its replicas. */
const produceTimeoutMs = 10_000
const retryDelays = { firstMs: 4, maxMs: 2_000 }

/**
 * Sends batches to the leaders of their partitions, in order per partition and with the sequence
 * numbers by which brokers drop what they have already. After an error nothing is sent to the partition
 * until all that was on its way is answered; then what was not acknowledged is sent again, the
 * oldest first.
 */
export class BatchSender {
  readonly #options: BatchSenderOptions
  readonly #lanes = new Map<string, ProduceLane>()
  /** Lanes that have something to send, the least recently served first. */
  readonly #active = new Set<ProduceLane>()
  readonly #inFlight = new Map<NodeId, number>()
  /** Lanes whose last request failed. */
  readonly #troubled = new Set<ProduceLane>()
  readonly #closing = new AbortController()
  #closed: KafkaError | null = null
  #isDispatchDue = false

  constructor(options: BatchSenderOptions) {
    this.#options = options
  }

  /** Settles when all batches are acknowledged, or one of them cannot be written. */
  send(outputs: readonly ProducedBatch[]): Delivery {
    const delivery = new Delivery(outputs.length)
    if (this.#closed !== null) delivery.failed(this.#closed)
    else for (const output of outputs) this.#add(output, delivery)
    return delivery
  }

  /** Fails all that is not acknowledged yet. What is on its way may still be written. */
  close(reason: KafkaError): void {
    if (this.#closed !== null) return
    this.#closed = reason
    this.#closing.abort()
    for (const lane of this.#lanes.values()) lane.fail(reason)
    this.#lanes.clear()
    this.#active.clear()
  }

  #add(output: ProducedBatch, delivery: Delivery): void {
    const lane = this.#laneOf(output)
    lane.add(output.batch, delivery)
    if (lane.state === 'ready') this.#fill(lane)
  }

  #laneOf(output: TopicPartition): ProduceLane {
    const key = keyOf(output)
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    const { codec, timing, transactionalId, random } = this.#options
    const lane = new ProduceLane(output, {
      codec,
      timing: timing(output.topic),
      transactional: transactionalId !== null,
      delay: new RetryDelay(retryDelays, random),
    })
    this.#lanes.set(key, lane)
    void this.#prepare(lane)
    return lane
  }

  /** Brings a held lane to where it can send, however long that takes. */
  async #prepare(lane: ProduceLane): Promise<void> {
    const { client, limits, identify } = this.#options
    for (;;) {
      try {
        lane.maxBatchBytes = await limits.maxBatchBytes(lane.topic)
        lane.node = await client.leaderOf(lane)
        if (this.#isLeft(lane)) return
        if (!lane.hasIdentity) lane.identify(await identify())
        break
      } catch (error) {
        if (this.#closed !== null) return
        if (!(error instanceof KafkaError) || this.#options.judge(error) === 'fail') {
          this.#drop(lane, error)
          return
        }
        if (!(await this.#pause(lane, error))) return
      }
    }
    if (this.#closed !== null) return
    lane.state = 'ready'
    this.#fill(lane)
  }

  /** Waits after an error. @returns false when nobody waits for the lane's batches any more. */
  async #pause(lane: ProduceLane, error: KafkaError): Promise<boolean> {
    if (this.#troubled.size === 0) this.#options.onTrouble?.(error)
    this.#troubled.add(lane)
    await this.#options.clock.sleep(lane.delay.next(), this.#closing.signal)
    return !this.#isLeft(lane)
  }

  /** Whether nothing in the lane is wanted any more; then it is gone. */
  #isLeft(lane: ProduceLane): boolean {
    if (this.#closed !== null) return true
    lane.purge()
    if (!lane.isEmpty) return false
    this.#lanes.delete(keyOf(lane))
    this.#calm(lane)
    return true
  }

  #fill(lane: ProduceLane): void {
    lane.maxBatchBytes = this.#options.limits.known(lane.topic) ?? lane.maxBatchBytes
    lane.encode()
    if (lane.sendable === null) return
    this.#active.add(lane)
    if (this.#isDispatchDue) return
    this.#isDispatchDue = true
    // What else is handed in now goes with the same request.
    queueMicrotask(() => {
      this.#isDispatchDue = false
      this.#dispatch()
    })
  }

  /** Sends as much as may be on its way at once. */
  #dispatch(): void {
    for (let filled = true; filled;) {
      filled = false
      const requests = new Map<NodeId, LaneBatch[]>()
      const sizes = new Map<NodeId, number>()
      for (const lane of this.#active) {
        const batch = lane.sendable
        if (batch === null) {
          this.#active.delete(lane)
          continue
        }
        const node = lane.node!
        const bytes = (sizes.get(node) ?? 0) + batch.bytes.length
        const isFull = bytes > maxRequestBytes && requests.has(node)
        if (isFull || !this.#hasRoom(node)) continue
        sizes.set(node, bytes)
        const request = requests.get(node)
        if (request === undefined) requests.set(node, [batch])
        else request.push(batch)
      }
      for (const [node, batches] of requests) {
        filled = true
        void this.#post(node, batches)
      }
    }
  }

  #hasRoom(node: NodeId): boolean {
    const { maxInFlight } = this.#options
    return (this.#inFlight.get(node) ?? 0) < (maxInFlight ?? defaultMaxInFlight)
  }

  /** One request, at most one batch of each lane. */
  async #post(node: NodeId, batches: readonly LaneBatch[]): Promise<void> {
    const { client, transactionalId } = this.#options
    this.#inFlight.set(node, (this.#inFlight.get(node) ?? 0) + 1)
    for (const { lane } of batches) {
      lane.inFlight += 1
      // To the end of the line.
      this.#active.delete(lane)
      this.#active.add(lane)
    }
    let answer: readonly ProduceResult[] | KafkaError
    try {
      answer = await client.produce(node, {
        transactionalId,
        timeoutMs: produceTimeoutMs,
        batches: batches.map(({ lane, bytes }) => ({
          topic: lane.topic,
          partition: lane.partition,
          records: bytes,
        })),
      })
    } catch (error) {
      answer = asKafkaError(error)
    }
    this.#inFlight.set(node, this.#inFlight.get(node)! - 1)
    if (this.#closed !== null) return
    const errors = errorsOf(batches, answer)
    for (const [index, batch] of batches.entries()) this.#answered(batch, errors[index]!)
    this.#dispatch()
  }

  #answered(batch: LaneBatch, error: KafkaError | null): void {
    const { lane } = batch
    lane.inFlight -= 1
    if (error === null || error.code === 'DUPLICATE_SEQUENCE_NUMBER') {
      lane.acknowledged(batch)
      lane.delay.succeeded()
      if (lane.sendable !== null) this.#active.add(lane)
      this.#calm(lane)
    } else {
      lane.hold()
      // What fails after it in order fails because of it.
      lane.failure ??= { error, batch }
    }
    if (lane.failure !== null && lane.inFlight === 0) void this.#recover(lane, lane.failure)
  }

  async #recover(
    lane: ProduceLane,
    { error, batch }: { error: KafkaError; batch: LaneBatch },
  ): Promise<void> {
    lane.failure = null
    if (error.code === 'MESSAGE_TOO_LARGE') {
      this.#options.limits.refused(lane.topic, batch.bytes.length)
      if (lane.divide(batch)) await this.#prepare(lane)
      else this.#drop(lane, tooLarge(lane.topic, error))
      return
    }
    const verdict = this.#options.judge(error)
    if (verdict === 'fail') {
      this.#drop(lane, error)
      return
    }
    if (verdict === 'new') lane.forgetIdentity()
    if (await this.#pause(lane, error)) await this.#prepare(lane)
  }

  #drop(lane: ProduceLane, error: unknown): void {
    this.#lanes.delete(keyOf(lane))
    this.#active.delete(lane)
    this.#calm(lane)
    lane.fail(error)
  }

  /** The lane is not in trouble any more, or is gone. */
  #calm(lane: ProduceLane): void {
    if (this.#troubled.delete(lane) && this.#troubled.size === 0) this.#options.onTrouble?.(null)
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

/** The error of each batch; null where it was written. */
function errorsOf(
  batches: readonly LaneBatch[],
  answer: readonly ProduceResult[] | KafkaError,
): (KafkaError | null)[] {
  if (answer instanceof KafkaError) return batches.map(() => answer)
  const results = new Map(answer.map((result) => [keyOf(result), result]))
  return batches.map(({ lane }) => {
    const result = results.get(keyOf(lane))
    return result === undefined ? unanswered(lane) : result.error
  })
}

function tooLarge(topic: string, cause: KafkaError): KafkaError {
  const { code, kind } = cause
  const message = cause.message.replace(` (${code})`, '')
  return new KafkaError({ code, kind, topic }, message, { cause })
}

function unanswered({ topic, partition }: TopicPartition): KafkaError {
  return new KafkaError(
    { code: 'BAD_ANSWER', kind: 'indefinite' },
    `writing to "${topic}/${partition}": the broker's answer leaves it out`,
  )
}

function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error
  return new KafkaError({ code: 'BAD_ANSWER', kind: 'fatal' }, messageOf(error), { cause: error })
}
