import type { Message } from 'amqplib'
import type { Clock } from '../../core/clock.ts'
import type { ConnectionName } from '../../core/connection-name.ts'
import type { Sink, SinkMemory, SinkOrigins, SinkReceipt } from '../../core/endpoints.ts'
import { asPipelineError, messageOf, PipelineError, RecordFailure } from '../../core/errors.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import { AmqpSession } from './amqp-session.ts'
import { amqpReply, reasonOf, refused, replyCodeOf, unavailable } from './amqp-error.ts'
import { declareQueue, type Declaration } from './declare-queue.ts'
import { Delivery } from './delivery.ts'
import { MessageMaker, messageId, type MessageMakerOptions } from './message-maker.ts'

export interface WriterSetting extends MessageMakerOptions {
  readonly connection: ConnectionName<'rabbitmq'>
  /** The queue that is made sure of; null: an exchange is checked. */
  readonly queue: { readonly name: string; readonly declare: Declaration } | null
  /** Messages that may be on their way without a confirmation. */
  readonly inFlight: number
}

const maxInFlightBytes = 16 * 1024 * 1024
/** How long a write may take before the stage is told that it waits: blocked by the server, and without a word. */
const blockedMs = 1_000
const silenceMs = 10_000
/** How long a write that has begun may go on when the stage is to stop. */
const finishMs = 2_000

/** Publishes records as persistent messages, each until the server has confirmed it. */
export class RabbitmqWriter implements Sink {
  readonly #setting: WriterSetting
  readonly #clock: Clock
  readonly #maker: MessageMaker
  readonly #closing = new AbortController()
  #session: AmqpSession | null = null
  #delivery: Delivery | null = null
  #idOf: (index: number) => string = () => ''
  #nextTag = 1
  /** Longer messages end the connection. */
  #maxBytes = Number.POSITIVE_INFINITY
  #isFull = false
  #wasOpen = false
  #progress = 0
  #wake: () => void = () => {}

  constructor(setting: WriterSetting, clock: Clock) {
    this.#setting = setting
    this.#clock = clock
    this.#maker = new MessageMaker(setting)
  }

  async begin(): Promise<SinkMemory> {
    await this.#opened()
    return null
  }

  async write(
    batch: RecordBatch,
    signal: AbortSignal,
    origins?: SinkOrigins,
  ): Promise<SinkReceipt> {
    // The same batch again: what was confirmed of it is not sent a second time.
    if (this.#delivery?.batch !== batch) this.#take(batch, origins)
    const delivery = this.#delivery!
    const session = await this.#opened()
    const wake = () => this.#wake()
    signal.addEventListener('abort', wake, { once: true })
    try {
      await this.#deliver(delivery, session, signal)
    } finally {
      signal.removeEventListener('abort', wake)
    }
    this.#delivery = null
    return { memory: null, failures: delivery.failures }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#session?.close()
  }

  #take(batch: RecordBatch, origins: SinkOrigins | undefined): void {
    this.#delivery = new Delivery(batch)
    this.#delivery.begin(this.#nextTag)
    this.#idOf = (index) => messageId(batch, index, origins)
  }

  async #deliver(delivery: Delivery, session: AmqpSession, signal: AbortSignal): Promise<void> {
    const { connection } = this.#setting
    delivery.refused = 0
    let silentFrom = this.#clock.monotonicUs()
    let progress = this.#progress
    for (;;) {
      this.#send(delivery, session)
      if (delivery.isDone) return
      if (session.lost !== null) throw session.lost
      if (delivery.refused > 0 && delivery.inFlight === 0) {
        const count = `it did not take ${delivery.refused} messages`
        throw unavailable(connection, `${count}: a queue is full, or most of its servers are away`)
      }
      const nowUs = this.#clock.monotonicUs()
      if (progress !== this.#progress) {
        progress = this.#progress
        silentFrom = nowUs
      }
      const { blocked } = session
      const leftMs = patienceMs(blocked !== null, signal.aborted) - (nowUs - silentFrom) / 1_000
      if (leftMs <= 0) {
        const reason = blocked === null ? 'it confirms no messages' : `it is blocked: ${blocked}`
        throw unavailable(connection, reason)
      }
      await this.#change(leftMs)
    }
  }

  /** As many as may be on their way. */
  #send(delivery: Delivery, session: AmqpSession): void {
    const { inFlight, exchange } = this.#setting
    const { batch } = delivery
    while (
      !this.#isFull &&
      session.blocked === null &&
      session.lost === null &&
      delivery.inFlight < inFlight &&
      delivery.inFlightBytes < maxInFlightBytes
    ) {
      // What the server has refused is for the next attempt.
      const index = delivery.refused > 0 ? -1 : delivery.next()
      if (index === -1) return
      try {
        this.#assertLength(batch, index)
        const { routingKey, content, options } = this.#maker.make(batch, index, this.#idOf(index))
        this.#isFull = !session.channel.publish(exchange, routingKey, content, options)
        this.#nextTag += 1
        delivery.sent(index)
      } catch (thrown) {
        if (!this.#isOfRecord(delivery, index, thrown)) {
          session.lose(reasonOf(thrown))
          return
        }
      }
    }
  }

  #assertLength(batch: RecordBatch, index: number): void {
    const bytes = batch.value(index)?.length ?? 0
    if (bytes <= this.#maxBytes) return
    const limit = `it has ${bytes} bytes; the server takes messages of ${this.#maxBytes} bytes`
    throw new RecordFailure('RECORD_TOO_LARGE', limit)
  }

  /** Whether the record cannot be a message, which then is its failure. */
  #isOfRecord(delivery: Delivery, index: number, thrown: unknown): boolean {
    if (thrown instanceof RecordFailure) delivery.fail(index, thrown.code, thrown.message)
    else if (thrown instanceof RangeError || thrown instanceof TypeError) {
      const reason = `it cannot be written as a message: ${messageOf(thrown)}`
      delivery.fail(index, 'RECORD_REJECTED', reason)
    } else return false
    return true
  }

  async #opened(): Promise<AmqpSession> {
    if (this.#session?.lost === null) return this.#session
    const { connection, exchange, queue } = this.#setting
    const clock = this.#clock
    const purpose = `writes ${queue?.name ?? exchange}`
    this.#nextTag = 1
    this.#isFull = false
    this.#delivery?.restart()
    try {
      const options = { connection, clock, purpose, onChange: () => this.#changed() }
      const session = await AmqpSession.open(options, this.#closing.signal)
      try {
        await this.#assertTarget(session)
      } catch (thrown) {
        await session.close()
        throw thrown
      }
      this.#listen(session)
      this.#session = session
      this.#wasOpen = true
      return session
    } catch (thrown) {
      const error = asPipelineError(thrown)
      if (!this.#wasOpen || error.code !== 'PEER_REFUSED') throw error
      // It has worked before: whoever mends it need not start the pipeline again.
      throw new PipelineError('PEER_UNAVAILABLE', error.message, { cause: error })
    }
  }

  async #assertTarget(session: AmqpSession): Promise<void> {
    const { connection, exchange, queue } = this.#setting
    if (queue !== null) {
      await declareQueue(session, { connection, queue: queue.name, declare: queue.declare })
      return
    }
    try {
      await session.channel.checkExchange(exchange)
    } catch (thrown) {
      const isMissing = replyCodeOf(thrown) === amqpReply.notFound
      if (!isMissing) throw unavailable(connection, reasonOf(thrown))
      throw refused(connection, `${reasonOf(thrown)}; make it, or correct "exchange"`)
    }
  }

  #listen(session: AmqpSession): void {
    const { channel } = session
    channel.on('ack', ({ deliveryTag, multiple }) => {
      this.#delivery?.confirmed(deliveryTag, multiple)
      this.#changed()
    })
    channel.on('nack', ({ deliveryTag, multiple }) => {
      this.#delivery?.notTaken(deliveryTag, multiple)
      this.#changed()
    })
    channel.on('return', (message) => this.#returned(message))
    channel.on('drain', () => {
      this.#isFull = false
      this.#changed()
    })
    channel.on('error', (thrown) => this.#learnLength(thrown))
  }

  #returned({ fields, properties }: Message): void {
    const { exchange, routingKey } = fields
    const where =
      exchange === '' ? `queue "${routingKey}"` : `queue for "${routingKey}" at "${exchange}"`
    this.#delivery?.returned(properties.messageId, this.#idOf, `the server has no ${where}`)
  }

  #learnLength(thrown: Error): void {
    const [, limit] = /larger than configured max size (\d+)/.exec(thrown.message) ?? []
    if (limit !== undefined) this.#maxBytes = Number(limit)
  }

  #changed(): void {
    this.#progress += 1
    this.#wake()
  }

  /** Until something has changed, or the time is up. */
  async #change(ms: number): Promise<void> {
    const over = new AbortController()
    const changed = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    await Promise.race([changed, this.#clock.sleep(ms, over.signal)])
    over.abort()
  }
}

function patienceMs(isBlocked: boolean, isStopping: boolean): number {
  if (isStopping) return isBlocked ? 0 : finishMs
  return isBlocked ? blockedMs : silenceMs
}
