import type { ConsumeMessage } from 'amqplib'
import type { PipelineError } from '../../core/errors.ts'
import { AmqpSession, type SessionOptions } from './amqp-session.ts'
import { amqpReply, reasonOf, refused, replyCodeOf, unavailable } from './amqp-error.ts'
import { declareQueue, type QueueWanted } from './declare-queue.ts'

export interface ConsumerOptions extends QueueWanted, Pick<SessionOptions, 'clock'> {
  /** Messages that the server sends without an answer to those before. */
  readonly prefetch: number
  readonly bindings: readonly { readonly exchange: string; readonly routingKey: string }[]
  /** Called when there is something new to look at. */
  readonly onChange: () => void
}

/** Until the size of messages is known, so many are asked for at once. */
const firstPrefetch = 128
/** What messages that wait for the pipeline may take together, by the size of those that came. */
const waitingBytes = 64 * 1024 * 1024
/** Of how many messages the mean size is taken, at least; the older ones count less and less. */
const meanOf = 1_000
/** How often the server is asked how many messages wait. */
const depthMs = 2_000

/** Takes messages of a queue over one connection, and answers for them in their order. */
export class QueueConsumer {
  readonly #options: ConsumerOptions
  readonly #session: AmqpSession
  #messages: ConsumeMessage[] = []
  #next = 0
  #tag = ''
  #prefetch: number
  #seen = 0
  #seenBytes = 0
  #depth = 0
  #askDepthUs = 0

  /** @throws PipelineError PEER_UNAVAILABLE, PEER_REFUSED */
  static async open(options: ConsumerOptions, signal: AbortSignal): Promise<QueueConsumer> {
    const { connection, clock, queue, onChange } = options
    const purpose = `reads ${queue}`
    const session = await AmqpSession.open({ connection, clock, purpose, onChange }, signal)
    const consumer = new QueueConsumer(options, session)
    try {
      await consumer.#begin()
      return consumer
    } catch (thrown) {
      await session.close()
      throw thrown
    }
  }

  private constructor(options: ConsumerOptions, session: AmqpSession) {
    this.#options = options
    this.#session = session
    this.#prefetch = Math.min(options.prefetch, firstPrefetch)
  }

  /** Why no more messages come; null while they do. */
  get lost(): PipelineError | null {
    return this.#session.lost
  }

  /** Messages that are here. */
  get waiting(): number {
    return this.#messages.length - this.#next
  }

  /** Messages that wait here, and at the server as far as it was asked. */
  get lag(): number {
    this.#askDepth()
    return this.waiting + this.#depth
  }

  /** The next message without taking it. */
  peek(): ConsumeMessage | null {
    return this.#messages[this.#next] ?? null
  }

  take(): void {
    this.#next += 1
    if (this.#next < this.#messages.length) return
    this.#messages = []
    this.#next = 0
  }

  /** Tells the server that this message and all before it are done with. */
  acknowledge(message: Pick<ConsumeMessage, 'fields'>): void {
    if (this.lost !== null) return
    try {
      this.#session.channel.ack(message as ConsumeMessage, true)
    } catch (thrown) {
      // The connection has ended, and says so by itself.
      this.#session.lose(reasonOf(thrown))
    }
  }

  /** Asks for as many messages as their size allows, once that is known. */
  fit(): void {
    const { prefetch } = this.#options
    const largest = Math.floor(waitingBytes / Math.max(1, this.#seenBytes / this.#seen))
    const fitting = Math.max(1, Math.min(prefetch, largest))
    const isFar =
      fitting > this.#prefetch ? fitting >= 2 * this.#prefetch : 2 * fitting < this.#prefetch
    const isEnough = this.#seen >= Math.min(this.#prefetch, firstPrefetch)
    if (!isEnough || (!isFar && fitting !== prefetch) || fitting === this.#prefetch) return
    this.#prefetch = fitting
    this.#consumeAgain().catch((thrown: unknown) => this.#session.lose(reasonOf(thrown)))
  }

  async close(): Promise<void> {
    await this.#session.close()
  }

  async #begin(): Promise<void> {
    const { connection, queue, bindings } = this.#options
    this.#depth = await declareQueue(this.#session, this.#options)
    try {
      for (const { exchange, routingKey } of bindings) {
        await this.#session.channel.bindQueue(queue, exchange, routingKey)
      }
      await this.#consume()
    } catch (thrown) {
      const code = replyCodeOf(thrown)
      const isRefused = code === amqpReply.accessRefused || code === amqpReply.preconditionFailed
      if (isRefused) throw refused(connection, reasonOf(thrown))
      throw unavailable(connection, reasonOf(thrown))
    }
  }

  async #consume(): Promise<void> {
    const { channel } = this.#session
    await channel.prefetch(this.#prefetch)
    const { consumerTag } = await channel.consume(this.#options.queue, (message) => {
      if (message === null) this.#cancelled()
      else this.#put(message)
    })
    this.#tag = consumerTag
  }

  /** What the server has sent meanwhile stays, and is answered for as everything else. */
  async #consumeAgain(): Promise<void> {
    await this.#session.channel.cancel(this.#tag)
    await this.#consume()
  }

  #put(message: ConsumeMessage): void {
    this.#messages.push(message)
    this.#seen += 1
    this.#seenBytes += message.content.length
    if (this.#seen > 2 * meanOf) {
      this.#seen /= 2
      this.#seenBytes /= 2
    }
    if (this.waiting === 1) this.#options.onChange()
  }

  /** Beside the work: who asks gets the answer of the last time. */
  #askDepth(): void {
    const { clock, queue } = this.#options
    const nowUs = clock.monotonicUs()
    if (nowUs < this.#askDepthUs || this.lost !== null) return
    this.#askDepthUs = nowUs + 1_000 * depthMs
    this.#session.channel.checkQueue(queue).then(
      ({ messageCount }) => {
        this.#depth = messageCount
      },
      (thrown: unknown) => this.#session.lose(reasonOf(thrown)),
    )
  }

  #cancelled(): void {
    this.#session.lose(`the queue "${this.#options.queue}" was deleted, or its server has gone`)
  }
}
