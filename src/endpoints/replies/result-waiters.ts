import type { EndpointEnvironment } from '../../core/endpoints.ts'
import { messageOf, PipelineError } from '../../core/errors.ts'
import type { SliceBatch } from '../../core/log.ts'
import type { Header } from '../../core/record-batch.ts'
import { unlessAborted } from '../../core/unless-aborted.ts'
import type { ResultSetting } from './result-setting.ts'

/**
 * The header by which a result is known as that of a message. Steps leave headers as they are, so that it
 * comes out of a chain of stages on the record that the message has become.
 */
export const replyHeader = 'millrace-reply-id'

/** What became of a message; `late`: nothing in time, `closed`: its source ends before. */
export type Result =
  | { readonly kind: 'value'; readonly value: Buffer | null }
  | Failure
  | { readonly kind: 'late' }
  | { readonly kind: 'closed' }

/** A dead letter. */
export interface Failure {
  readonly kind: 'failed'
  readonly code: string
  readonly message: string
  readonly stage: string
}

export type TellResult = (result: Result) => void

interface Waiter {
  tell: TellResult | null
  /** µs; NaN while nobody has asked. */
  deadlineUs: number
  /** A result that came before anybody asked for it. */
  early: Result | null
}

type ReadResult = (headers: readonly Header[], value: Uint8Array | null) => Result

type Environment = Pick<EndpointEnvironment, 'topics' | 'clock' | 'random' | 'notice'>

const idRange = 2 ** 48
/** Before a topic that could not be read is tried again. */
const againMs = 1_000

/** Finds the results of messages in topics, each by the id that its message was given. */
export class ResultWaiters {
  readonly #setting: ResultSetting
  readonly #environment: Environment
  readonly #prefix: string
  readonly #waiters = new Map<string, Waiter>()
  readonly #stop = new AbortController()
  /** By topic: resolves when it is read. */
  readonly #openings = new Map<string, Promise<void>>()
  #isOpen = false
  #count = 0

  constructor(setting: ResultSetting, environment: Environment) {
    this.#setting = setting
    this.#environment = environment
    // Of this start of this source: results of messages of an earlier one are for nobody.
    this.#prefix = Math.floor(environment.random.next() * idRange)
      .toString(36)
      .padStart(10, '0')
  }

  /** Messages whose results are not known. */
  get waiting(): number {
    return this.#waiters.size
  }

  /**
   * Resolves when no result can be missed any more. It may be called again, also after an error; topics
   * that cannot be read later on are tried again and noticed.
   * @throws PipelineError as reading a topic does; CONFIG_USAGE where there is no such topic.
   */
  async open(signal: AbortSignal): Promise<void> {
    if (this.#isOpen) return
    const { from, dead_letters: deadLetters } = this.#setting
    const openings = [this.#opened(from, valueOf)]
    for (const topic of [deadLetters].flat()) openings.push(this.#opened(topic, failureOf))
    const opened = Promise.all(openings)
    if ((await unlessAborted(opened, signal)) === null || this.#isOpen) return
    this.#isOpen = true
    void this.#expire()
  }

  /** The id for a message, whose result is kept from now on until it is asked for. */
  nextId(): string {
    this.#count += 1
    const id = `${this.#prefix}-${this.#count}`
    this.#waiters.set(id, { tell: null, deadlineUs: Number.NaN, early: null })
    return id
  }

  /** Nobody waits for the result. */
  forget(id: string): void {
    this.#waiters.delete(id)
  }

  /** Tells of the result, once; its time begins. */
  wait(id: string, tell: TellResult): void {
    const waiter = this.#waiters.get(id)
    if (waiter === undefined) return
    if (waiter.early !== null) {
      this.#waiters.delete(id)
      tell(waiter.early)
      return
    }
    waiter.tell = tell
    waiter.deadlineUs = this.#environment.clock.monotonicUs() + 1_000 * this.#setting.timeout
  }

  /** Tells all who wait that no result will come. */
  close(): void {
    this.#stop.abort()
    const waiters = [...this.#waiters.values()]
    this.#waiters.clear()
    for (const { tell } of waiters) tell?.({ kind: 'closed' })
  }

  #opened(topic: string, read: ReadResult): Promise<void> {
    const known = this.#openings.get(topic)
    if (known !== undefined) return known
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#openings.set(topic, promise)
    void this.#follow(topic, read, resolve).catch((thrown: unknown) => {
      this.#openings.delete(topic)
      reject(thrown)
    })
    return promise
  }

  /** Until the source closes. @throws what reading the topic meets before it was read once. */
  async #follow(topic: string, read: ReadResult, onFirstOpen: () => void): Promise<void> {
    const { topics, clock, notice } = this.#environment
    const { signal } = this.#stop
    if (topics === undefined)
      throw new PipelineError('CONFIG_USAGE', `reply.from: no topic can be read here (${topic})`)
    let wasOpen = false
    let told = ''
    const onOpen = () => {
      wasOpen = true
      told = ''
      onFirstOpen()
    }
    while (!signal.aborted) {
      try {
        for await (const batch of topics.follow({ topic, start: 'latest', signal, onOpen }))
          this.#look(batch, read)
      } catch (thrown) {
        if (!wasOpen) throw thrown
        const reason = messageOf(thrown)
        if (told !== reason)
          notice(
            `results in the topic ${topic} cannot be read just now: ${reason}; who waits for one may get none`,
          )
        told = reason
        await clock.sleep(againMs, signal)
      }
    }
    onFirstOpen()
  }

  #look({ batch, from }: SliceBatch, read: ReadResult): void {
    for (let index = from; index < batch.count && this.#waiters.size > 0; index++) {
      if (batch.isMarker(index) || batch.headerBytes(index).length === 0) continue
      const headers = batch.headers(index)
      const id = textOf(headers, replyHeader)
      const waiter = id === null ? undefined : this.#waiters.get(id)
      if (id === null || waiter === undefined) continue
      const result = read(headers, batch.value(index))
      if (waiter.tell === null) waiter.early ??= result
      else {
        this.#waiters.delete(id)
        waiter.tell(result)
      }
    }
  }

  /** All have the same time, so that they expire in the order in which they were asked for. */
  async #expire(): Promise<void> {
    const { clock } = this.#environment
    const { timeout: timeoutMs } = this.#setting
    const { signal } = this.#stop
    while (!signal.aborted) {
      let waitMs = timeoutMs
      for (const [id, { tell, deadlineUs }] of this.#waiters) {
        if (tell === null) continue
        waitMs = (deadlineUs - clock.monotonicUs()) / 1_000
        if (waitMs > 0) break
        waitMs = timeoutMs
        this.#waiters.delete(id)
        tell({ kind: 'late' })
      }
      await clock.sleep(Math.max(1, waitMs), signal)
    }
  }
}

/** The bytes are a view of a batch that is let go. */
function valueOf(_headers: readonly Header[], value: Uint8Array | null): Result {
  return { kind: 'value', value: value === null ? null : Buffer.from(value) }
}

function failureOf(headers: readonly Header[]): Result {
  return {
    kind: 'failed',
    code: textOf(headers, 'millrace-dlq-code') ?? 'RECORD_REJECTED',
    message: textOf(headers, 'millrace-dlq-message') ?? '',
    stage: textOf(headers, 'millrace-dlq-stage') ?? '',
  }
}

function textOf(headers: readonly Header[], name: string): string | null {
  const found = headers.findLast(([each]) => each === name)
  return found === undefined ? null : Buffer.from(found[1]).toString('utf8')
}
