import type { Clock, Random } from '../../core/clock.ts'
import { asPipelineError, PipelineError } from '../../core/errors.ts'
import type { SliceBatch } from '../../core/log.ts'
import type { TopicFollower } from '../../core/topic-follower.ts'
import { unlessAborted } from '../../core/unless-aborted.ts'

/**
 * The header by which a result is known as that of a message. Steps leave headers as they are, so that it
 * comes out of a chain of stages on the record that the message has become.
 */
export const replyHeader = 'millrace-reply-id'

export interface ResultWaitersOptions {
  readonly topics: TopicFollower | undefined
  readonly topic: string
  /** How long a message waits for its result once it is stored. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly random: Random
}

/** The text of the result; null: it did not come in time. */
export type TellResult = (result: string | null) => void

interface Waiter {
  tell: TellResult | null
  /** µs; NaN while the message is not stored. */
  deadlineUs: number
  /** A result that came before anybody asked for it. */
  early: string | null
}

const idRange = 2 ** 48

/** Finds the results of messages in a topic, each by the id that its message was given. */
export class ResultWaiters {
  readonly #options: ResultWaitersOptions
  readonly #prefix: string
  readonly #waiters = new Map<string, Waiter>()
  readonly #stop = new AbortController()
  #count = 0
  #opening: Promise<void> | null = null
  #error: PipelineError | null = null

  constructor(options: ResultWaitersOptions) {
    this.#options = options
    const { random } = options
    // Of this start of this source: results of messages of an earlier one are for nobody.
    this.#prefix = Math.floor(random.next() * idRange)
      .toString(36)
      .padStart(10, '0')
  }

  /** Messages whose results are not known. */
  get waiting(): number {
    return this.#waiters.size
  }

  /**
   * Resolves when no result can be missed any more.
   * @throws PipelineError as reading the topic does; also later, when that has failed meanwhile.
   */
  async open(signal: AbortSignal): Promise<void> {
    if (this.#error !== null) throw this.#error
    this.#opening ??= this.#follow()
    await unlessAborted(this.#opening, signal)
  }

  /** The id for a message that is about to be stored. */
  nextId(): string {
    this.#count += 1
    const id = `${this.#prefix}-${this.#count}`
    this.#waiters.set(id, { tell: null, deadlineUs: Number.NaN, early: null })
    return id
  }

  /** The message will have no result. */
  forget(id: string): void {
    this.#waiters.delete(id)
  }

  /** The message is stored: tells of its result, once. */
  wait(id: string, tell: TellResult): void {
    const waiter = this.#waiters.get(id)
    if (waiter === undefined) return
    if (waiter.early !== null) {
      this.#waiters.delete(id)
      tell(waiter.early)
      return
    }
    const { clock, timeoutMs } = this.#options
    waiter.tell = tell
    waiter.deadlineUs = clock.monotonicUs() + 1_000 * timeoutMs
  }

  /** Tells all who wait that no result will come. */
  close(): void {
    this.#stop.abort()
    const waiters = [...this.#waiters.values()]
    this.#waiters.clear()
    for (const { tell } of waiters) tell?.(null)
  }

  #follow(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    void this.#run(resolve).catch((thrown: unknown) => {
      this.#error = asPipelineError(thrown)
      reject(this.#error)
    })
    void this.#expire()
    return promise
  }

  async #run(onOpen: () => void): Promise<void> {
    const { topics, topic } = this.#options
    const { signal } = this.#stop
    if (topics === undefined)
      throw new PipelineError('CONFIG_USAGE', `reply.from: no topic can be read here (${topic})`)
    for await (const batch of topics.follow({ topic, start: 'latest', signal, onOpen }))
      this.#look(batch)
    onOpen()
  }

  #look({ batch, from }: SliceBatch): void {
    for (let index = from; index < batch.count; index++) {
      if (this.#waiters.size === 0) return
      if (batch.isMarker(index) || batch.headerBytes(index).length === 0) continue
      const header = batch.headers(index).findLast(([name]) => name === replyHeader)
      if (header === undefined) continue
      const id = Buffer.from(header[1]).toString('utf8')
      const waiter = this.#waiters.get(id)
      if (waiter === undefined) continue
      const result = batch.valueText(index) ?? 'null'
      if (waiter.tell === null) waiter.early ??= result
      else {
        this.#waiters.delete(id)
        waiter.tell(result)
      }
    }
  }

  /** All have the same time, so that they expire in the order in which they were stored. */
  async #expire(): Promise<void> {
    const { clock, timeoutMs } = this.#options
    const { signal } = this.#stop
    while (!signal.aborted) {
      let waitMs = timeoutMs
      for (const [id, { tell, deadlineUs }] of this.#waiters) {
        if (tell === null) continue
        waitMs = (deadlineUs - clock.monotonicUs()) / 1_000
        if (waitMs > 0) break
        waitMs = timeoutMs
        this.#waiters.delete(id)
        tell(null)
      }
      await clock.sleep(Math.max(1, waitMs), signal)
    }
  }
}
