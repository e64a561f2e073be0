import type { ConsumeMessage } from 'amqplib'
import type { Clock } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import type { EndpointDrop } from '../../core/endpoint-drops.ts'
import type { RecordBatch, WrittenHeader } from '../../core/record-batch.ts'
import type { TopicFollower } from '../../core/topic-follower.ts'
import type { Reply } from './replies.ts'

export interface PendingRepliesOptions {
  readonly topics: TopicFollower
  readonly clock: Clock
  /** The topic in which the results are. */
  readonly topic: string
  readonly timeoutMs: number
  /** Makes the tokens of this source others than those of a source before. */
  readonly nonce: string
  readonly dropped: (drop: EndpointDrop, count?: number) => void
  readonly send: (reply: Reply) => void
  readonly notice: (message: string) => void
}

interface Pending {
  readonly to: string
  readonly correlationId: string | undefined
  readonly dueUs: number
}

/** By this the result of a message is known: it goes along with the record through all stages. */
const tokenHeader = 'amqp-request'
/** Messages whose result is waited for; a further one is not answered. */
const maxPending = 100_000
const retryMs = 1_000

/** Follows a topic for the results of messages, and has them answered. */
export class PendingReplies {
  readonly #options: PendingRepliesOptions
  readonly #pending = new Map<string, Pending>()
  readonly #closing = new AbortController()
  #count = 0
  #opened: Promise<void> | null = null

  constructor(options: PendingRepliesOptions) {
    this.#options = options
  }

  /** Resolves once no result can be missed. */
  open(): Promise<void> {
    this.#opened ??= new Promise((resolve) => {
      this.#closing.signal.addEventListener('abort', () => resolve(), { once: true })
      void this.#follow(resolve)
    })
    return this.#opened
  }

  close(): void {
    this.#closing.abort()
    if (this.#pending.size > 0) this.#options.dropped('lost_reply', this.#pending.size)
    this.#pending.clear()
  }

  /** The header by which the result of this message will be known; none where nobody waits for it. */
  expect({ properties }: ConsumeMessage): readonly WrittenHeader[] {
    const to: unknown = properties.replyTo
    if (typeof to !== 'string' || to === '') return []
    const nowUs = this.#options.clock.monotonicUs()
    this.#expire(nowUs)
    if (this.#pending.size >= maxPending) {
      this.#options.dropped('lost_reply')
      return []
    }
    this.#count += 1
    const token = `${this.#options.nonce}-${this.#count}`
    const dueUs = nowUs + 1_000 * this.#options.timeoutMs
    const id: unknown = properties.correlationId
    this.#pending.set(token, { to, correlationId: typeof id === 'string' ? id : undefined, dueUs })
    return [[tokenHeader, token]]
  }

  async #follow(onOpen: () => void): Promise<void> {
    const { topics, topic, clock, notice } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted) {
      try {
        for await (const { batch, from } of topics.follow({
          topic,
          start: 'latest',
          signal,
          onOpen,
        }))
          this.#answer(batch, from)
      } catch (thrown) {
        notice(
          `results in "${topic}" cannot be read, so that messages are not answered: ${messageOf(thrown)}`,
        )
        await clock.sleep(retryMs, signal)
      }
    }
  }

  #answer(batch: RecordBatch, from: number): void {
    this.#expire(this.#options.clock.monotonicUs())
    for (let index = from; index < batch.count && this.#pending.size > 0; index++) {
      if (batch.isMarker(index) || batch.headerBytes(index).length === 0) continue
      const token = batch.headers(index).findLast(([name]) => name === tokenHeader)?.[1]
      const key = token === undefined ? '' : Buffer.from(token).toString('latin1')
      const pending = this.#pending.get(key)
      if (pending === undefined) continue
      // Of several results the first one is the answer.
      this.#pending.delete(key)
      const body = Buffer.from(batch.value(index) ?? [])
      this.#options.send({ ...pending, body, contentType: 'application/json' })
    }
  }

  /** In the order in which they came, which is that of their ends. */
  #expire(nowUs: number): void {
    for (const [token, { dueUs }] of this.#pending) {
      if (dueUs > nowUs) return
      this.#pending.delete(token)
      this.#options.dropped('late_reply')
    }
  }
}
