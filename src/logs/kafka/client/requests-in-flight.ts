import type { Clock } from '../../../core/clock.ts'
import { BadFrameLength } from './framed-socket.ts'
import { KafkaError } from './kafka-error.ts'

/** How late a time-out may come. */
const checkEveryMs = 100

/** What kafkajs puts into its request queue. */
interface QueueEntry {
  readonly apiName: string
  readonly correlationId: number
  resolve(answer: { correlationId: number; entry: QueueEntry; size: number; payload: Buffer }): void
  reject(error: Error): void
}

export interface SentRequest {
  readonly apiName: string
  readonly correlationId: number
  readonly timeoutMs: number
  /** Whether doing it twice is as good as once, so that a lost answer means: send it again. */
  readonly repeatable: boolean
  resolve(payload: Buffer): void
  reject(error: KafkaError): void
}

export interface RequestsInFlightOptions {
  readonly clock: Clock
  /** `host:port`, for messages. */
  readonly address: string
  /** For requests of kafkajs' own, which log in. */
  readonly loginTimeoutMs: number
  /** A request has timed out: the broker may hang, so the connection is given up. */
  readonly onTimeout: () => void
}

/**
 * The requests of one connection that wait for their answers. It takes the place of kafkajs'
 * RequestQueue, whose timers can be negative, and whose errors do not tell whether a request was on
 * its way. Requests are written at once: how many there are at a time is up to those who send them,
 * and a broker that throttles a client does not read from it.
 */
export class RequestsInFlight {
  readonly #options: RequestsInFlightOptions
  readonly #waiting = new Map<number, SentRequest & { readonly deadlineUs: number }>()
  readonly #closing = new AbortController()
  #checking = false

  constructor(options: RequestsInFlightOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Call it before the bytes are handed over. */
  add(request: SentRequest): void {
    const deadlineUs = this.#options.clock.monotonicUs() + request.timeoutMs * 1_000
    this.#waiting.set(request.correlationId, { ...request, deadlineUs })
    if (!this.#checking) void this.#checkDeadlines()
  }

  /** An answer without its length. Late answers to requests that have timed out are dropped. */
  receive(frame: Buffer): void {
    const correlationId = frame.readInt32BE(0)
    const request = this.#waiting.get(correlationId)
    this.#waiting.delete(correlationId)
    request?.resolve(frame.subarray(4))
  }

  /** Ends all requests, and the timer: the connection is gone. */
  fail(why: string, cause: unknown): void {
    const requests = [...this.#waiting.values()]
    this.#waiting.clear()
    this.#closing.abort()
    const code = codeOf(cause)
    for (const request of requests) request.reject(this.#lost(request, { code, why, cause }))
  }

  // What kafkajs calls, each by its own names.

  push({
    entry,
    sendRequest,
  }: {
    readonly entry: QueueEntry
    readonly sendRequest: () => void
  }): void {
    const { apiName, correlationId } = entry
    this.add({
      apiName,
      correlationId,
      timeoutMs: this.#options.loginTimeoutMs,
      repeatable: true,
      resolve: (payload) => entry.resolve({ correlationId, entry, size: payload.length, payload }),
      reject: (error) => entry.reject(error),
    })
    sendRequest()
  }

  rejectAll(error: Error): void {
    this.fail('the connection was lost', error)
  }

  waitForPendingRequests(): Promise<void> {
    return Promise.resolve()
  }

  scheduleRequestTimeoutCheck(): void {}

  maybeThrottle(): void {}

  destroy(): void {}

  async #checkDeadlines(): Promise<void> {
    this.#checking = true
    const { clock, onTimeout } = this.#options
    const { signal } = this.#closing
    while (this.#waiting.size > 0 && !signal.aborted) {
      await clock.sleep(checkEveryMs, signal)
      if (this.#rejectLate()) onTimeout()
    }
    this.#checking = false
  }

  #rejectLate(): boolean {
    const nowUs = this.#options.clock.monotonicUs()
    let late = false
    for (const request of this.#waiting.values()) {
      if (request.deadlineUs > nowUs) continue
      late = true
      this.#waiting.delete(request.correlationId)
      const why = `no answer within ${request.timeoutMs} ms`
      request.reject(this.#lost(request, { code: 'TIMEOUT', why, cause: undefined }))
    }
    return late
  }

  #lost(
    request: SentRequest,
    { code, why, cause }: { code: string; why: string; cause: unknown },
  ): KafkaError {
    const again = code === 'CONNECTION' || code === 'TIMEOUT' ? 'retriable' : 'fatal'
    return new KafkaError(
      { code, kind: request.repeatable ? again : 'indefinite' },
      `${request.apiName} at ${this.#options.address}: ${why}`,
      { cause },
    )
  }
}

function codeOf(cause: unknown): 'CLOSED' | 'BAD_ANSWER' | 'CONNECTION' {
  if (cause instanceof BadFrameLength) return 'BAD_ANSWER'
  return cause instanceof KafkaError && cause.code === 'CLOSED' ? 'CLOSED' : 'CONNECTION'
}
