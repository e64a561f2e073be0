import type { ConsumeMessage } from 'amqplib'
import type { ConnectionName } from '../../core/connection-name.ts'
import type { EndpointEnvironment, ReadRequest, Source, SourceSlice } from '../../core/endpoints.ts'
import { asPipelineError, PipelineError } from '../../core/errors.ts'
import type { Template } from '../../core/expression.ts'
import type { JsonValue } from '../../core/json.ts'
import { emptyBatch } from '../../core/record-batch.ts'
import type { ResultSetting } from '../replies/result-setting.ts'
import type { Declaration } from './declare-queue.ts'
import { MessageIds } from './message-ids.ts'
import { MessageSlice } from './message-slice.ts'
import { PendingReplies } from './pending-replies.ts'
import { QueueConsumer } from './queue-consumer.ts'
import { Replies, type Reply } from './replies.ts'
import { answerText } from './answer-text.ts'

export interface ReaderSetting {
  readonly connection: ConnectionName<'rabbitmq'>
  readonly queue: string
  readonly declare: Declaration
  readonly bind: readonly { readonly exchange: string; readonly routing_key: string }[]
  readonly prefetch: number
  readonly max_record: number
  readonly dedupe: false | { readonly within: number; readonly max: number }
  readonly reply?: { readonly text: Template } | ResultSetting | undefined
}

/** What was handed on and is not yet committed. */
interface HandedOn {
  /** Who is told; another one knows nothing of these messages. */
  readonly consumer: QueueConsumer | null
  /** The last message that is done with once this is committed; null: none. */
  readonly last: ConsumeMessage | null
  readonly answers: (() => void) | null
}

const nothingCommitted: HandedOn = { consumer: null, last: null, answers: null }

/** Reads a queue: messages are handed on in the order in which they come, and acknowledged once they are stored. */
export class RabbitmqReader implements Source {
  readonly #setting: ReaderSetting
  readonly #environment: EndpointEnvironment
  readonly #ids: MessageIds | null
  readonly #slice: MessageSlice
  readonly #replies: Replies | null
  readonly #pending: PendingReplies | null
  #consumer: QueueConsumer | null = null
  /** It has worked once: what is wrong now may be mended without a new start. */
  #wasOpen = false
  /** The last call has thrown, and nobody knows yet that the server is back. */
  #isBack = false
  readonly #handedOn: HandedOn[] = []
  #wake: () => void = () => {}

  constructor(
    setting: ReaderSetting,
    environment: EndpointEnvironment,
    positions: ReadonlyMap<string, JsonValue>,
  ) {
    this.#setting = setting
    this.#environment = environment
    const { connection, dedupe, reply } = setting
    const { clock } = environment
    this.#ids =
      dedupe === false
        ? null
        : new MessageIds(positions, { max: dedupe.max, withinMs: dedupe.within })
    const dropped = environment.dropped ?? (() => {})
    this.#replies = reply === undefined ? null : new Replies({ connection, clock, dropped })
    this.#pending = this.#makePending()
    this.#slice = new MessageSlice({
      clock,
      queue: setting.queue,
      maxRecord: setting.max_record,
      pending: this.#pending,
    })
  }

  async read(request: ReadRequest): Promise<SourceSlice | null> {
    const { signal } = request
    const wake = () => this.#wake()
    signal.addEventListener('abort', wake, { once: true })
    try {
      while (!signal.aborted) {
        const consumer = await this.#opened(signal)
        const slice = this.#take(consumer, request)
        if (slice !== null) return slice
        if (consumer.lost !== null) throw consumer.lost
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
      return null
    } catch (thrown) {
      if (signal.aborted) return null
      this.#isBack = true
      throw this.#lasting(thrown)
    } finally {
      signal.removeEventListener('abort', wake)
    }
  }

  committed(): void {
    const { consumer, last, answers } = this.#handedOn.shift() ?? nothingCommitted
    if (last !== null) consumer?.acknowledge(last)
    answers?.()
  }

  lag(): number {
    return this.#consumer?.lag ?? 0
  }

  async close(): Promise<void> {
    this.#pending?.close()
    await Promise.all([this.#replies?.close(), this.#consumer?.close()])
  }

  /** Connected; what came over a connection that has ended comes again over the next one. */
  async #opened(signal: AbortSignal): Promise<QueueConsumer> {
    if (this.#consumer?.lost === null) return this.#consumer
    if (this.#consumer !== null) {
      const { lost } = this.#consumer
      this.#consumer = null
      if (lost !== null && !this.#isBack) throw lost
    }
    const { connection, queue, declare, prefetch, bind } = this.#setting
    await this.#pending?.open(signal)
    this.#consumer = await QueueConsumer.open(
      {
        connection,
        queue,
        declare,
        prefetch,
        clock: this.#environment.clock,
        bindings: bind.map(({ exchange, routing_key: routingKey }) => ({ exchange, routingKey })),
        onChange: () => this.#wake(),
      },
      signal,
    )
    this.#wasOpen = true
    return this.#consumer
  }

  /** What is here, as far as it fits into one slice; null where there is nothing to say. */
  #take(consumer: QueueConsumer, { maxRecords, maxBytes }: ReadRequest): SourceSlice | null {
    const slice = this.#slice
    const nowMs = this.#environment.clock.wallMs()
    let last: ConsumeMessage | null = null
    let duplicates = 0
    slice.begin()
    while (slice.count < maxRecords && slice.bytes < maxBytes) {
      const message = consumer.peek()
      if (message === null || consumer.lost !== null) break
      consumer.take()
      last = message
      if (this.#isNew(message, nowMs)) slice.add(message)
      else duplicates += 1
    }
    if (duplicates > 0) this.#environment.dropped?.('duplicate', duplicates)
    if (last === null && !this.#isBack) return null
    this.#isBack = false
    const positions = this.#ids?.changes() ?? new Map<string, JsonValue>()
    const finished = slice.finish(positions)
    this.#handedOn.push({ consumer, last, answers: this.#answersTo(finished) })
    return finished ?? { batch: emptyBatch(), failures: [], positions, info: () => ({}) }
  }

  #isNew({ properties }: ConsumeMessage, nowMs: number): boolean {
    const id: unknown = properties.messageId
    if (this.#ids === null || typeof id !== 'string' || id === '') return true
    if (this.#ids.has(id, nowMs)) return false
    this.#ids.add(id, nowMs)
    return true
  }

  #makePending(): PendingReplies | null {
    const { reply } = this.#setting
    if (reply === undefined || !('from' in reply)) return null
    const environment = this.#environment
    const send = (answer: Reply) => this.#replies?.send(answer)
    return new PendingReplies({ setting: reply, environment, send })
  }

  /** For a reply that is the same for all, or made of what was stored: sent with the commit. */
  #answersTo(slice: SourceSlice | null): (() => void) | null {
    const { reply } = this.#setting
    if (slice === null || reply === undefined || !('text' in reply)) return null
    const messages = this.#slice.asking()
    if (messages.length === 0) return null
    return () => {
      for (const { index, to, correlationId } of messages) {
        const body = Buffer.from(answerText(reply.text, slice, index))
        this.#replies?.send({ to, correlationId, body, contentType: 'text/plain' })
      }
    }
  }

  /** What somebody has to mend refuses the first start; later the stage waits until it is mended. */
  #lasting(thrown: unknown): PipelineError {
    const error = asPipelineError(thrown)
    if (!this.#wasOpen || error.code !== 'PEER_REFUSED') return error
    return new PipelineError('PEER_UNAVAILABLE', error.message, { cause: error })
  }
}
