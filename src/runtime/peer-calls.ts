import type { AsyncOperator, AsyncResult } from '../core/async-operator.ts'
import type { Clock, Random } from '../core/clock.ts'
import { PipelineError, RecordFailure } from '../core/errors.ts'
import type { JsonValue } from '../core/json.ts'
import type { NodeSettings } from '../topology/topology.ts'
import type { PreparedRecord } from './prepared-record.ts'
import { pauseMs } from './retry.ts'

/** How a task takes that its peers do not answer. */
export interface PeerTrouble {
  /** Called when the first of all calls begins to wait for the peer, and once none does any more. */
  blocked(error: PipelineError): void
  unblocked(): void
  /** A call is made again because of this error. */
  retried(error: PipelineError): void
  /** The peer has rejected the record, and is asked again. */
  rejected(error: PipelineError, attempt: number): void
}

export interface PeerCallsOptions {
  readonly step: string
  readonly operator: AsyncOperator
  readonly retry: NodeSettings['retry']
  readonly clock: Clock
  readonly random: Random
  readonly trouble: PeerTrouble
  /** Whether every call is noted, and not only those of records that were tried again. */
  readonly isTraced: boolean
}

/** Of one record: the first ones and the last, if there were very many. */
const maxToldAttempts = 8

/** Calls of one asynchronous step: again while the peer is away, and a few times where it rejects the record. */
export class PeerCalls {
  readonly #options: PeerCallsOptions
  /** Calls that wait for the peer. */
  #waiting = 0
  /** Of calls that keep their order themselves: all wait together, and go on in the order in which they came. */
  #gate: Promise<void> | null = null

  constructor(options: PeerCallsOptions) {
    this.#options = options
  }

  /**
   * At once where the operator answers at once, and without a promise then.
   * @returns null when the signal has aborted.
   * @throws (also as the promise's rejection) RecordFailure, and anything else that `process` throws which
   * another call does not mend.
   */
  call(
    of: PreparedRecord,
    value: JsonValue,
    signal: AbortSignal,
  ): AsyncResult | null | Promise<AsyncResult | null> {
    if (signal.aborted) return null
    if (this.#gate !== null) return this.#callAgain(of, value, { signal, first: null })
    const { operator, clock, isTraced } = this.#options
    const { record, traceparent } = of
    const startUs = isTraced ? clock.monotonicUs() : Number.NaN
    record.value = value
    let answer: ReturnType<AsyncOperator['process']>
    try {
      answer = operator.process(record, { signal, traceparent })
    } catch (thrown) {
      if (!isRetried(thrown)) throw thrown
      answer = Promise.reject(thrown)
    }
    if (!(answer instanceof Promise)) {
      if (isTraced) this.#note(of, startUs, null)
      return answer
    }
    return this.#callAgain(of, value, { signal, first: answer })
  }

  /** @param first a call that is under way already. */
  async #callAgain(
    of: PreparedRecord,
    value: JsonValue,
    { signal, first }: { signal: AbortSignal; first: Promise<AsyncResult> | null },
  ): Promise<AsyncResult | null> {
    const { operator, clock } = this.#options
    const { record, traceparent } = of
    let underWay = first
    let rejections = 0
    let pauses = 0
    let isWaiting = false
    try {
      for (;;) {
        if (underWay === null && this.#gate !== null) await this.#pass(of)
        if (underWay === null && signal.aborted) return null
        const startUs = clock.monotonicUs()
        if (underWay === null) record.value = value
        try {
          const answer: ReturnType<AsyncOperator['process']> =
            underWay ?? operator.process(record, { signal, traceparent })
          underWay = null
          const result = answer instanceof Promise ? await answer : answer
          this.#note(of, startUs, null)
          return result
        } catch (thrown) {
          if (!isRetried(thrown)) throw thrown
          this.#note(of, startUs, thrown)
          const isRejection = thrown.kind === 'rejected'
          // What was cut off because the run stops is no news of the peer.
          if (signal.aborted && !isRejection) return null
          if (isRejection) rejections = this.#reject(thrown, rejections + 1)
          if (isWaiting === isRejection) this.#wait((isWaiting = !isRejection), thrown)
          await this.#pause(of, pauses++, signal)
          if (signal.aborted) return null
          this.#options.trouble.retried(thrown)
        }
      }
    } finally {
      // One that is given up says nothing about the peer.
      if (isWaiting && signal.aborted) this.#waiting -= 1
      else if (isWaiting) this.#wait(false, null)
    }
  }

  /** @throws RecordFailure when it was the last attempt. */
  #reject(error: PipelineError, rejections: number): number {
    const { retry, trouble } = this.#options
    if (rejections >= retry.max)
      throw new RecordFailure('RECORD_REJECTED', error.message, rejections)
    trouble.rejected(error, rejections)
    return rejections
  }

  #wait(isWaiting: boolean, error: PipelineError | null): void {
    const { trouble } = this.#options
    this.#waiting += isWaiting ? 1 : -1
    if (isWaiting && this.#waiting === 1) trouble.blocked(error!)
    if (!isWaiting && this.#waiting === 0) trouble.unblocked()
  }

  async #pause(of: PreparedRecord, pauses: number, signal: AbortSignal): Promise<void> {
    const { operator, clock, random, retry } = this.#options
    const forMs = pauseMs(retry.backoff, pauses, random)
    if (operator.inFlight !== undefined) {
      this.#gate ??= clock.sleep(forMs, signal).then(() => {
        this.#gate = null
      })
      return this.#pass(of)
    }
    const startUs = clock.monotonicUs()
    await clock.sleep(forMs, signal)
    of.backoffUs += clock.monotonicUs() - startUs
  }

  async #pass(of: PreparedRecord): Promise<void> {
    const { clock } = this.#options
    const startUs = clock.monotonicUs()
    while (this.#gate !== null) await this.#gate
    of.backoffUs += clock.monotonicUs() - startUs
  }

  #note(of: PreparedRecord, startUs: number, error: PipelineError | null): void {
    const { step, clock, isTraced } = this.#options
    if (error !== null) of.isRetried = true
    if (!isTraced && !of.isRetried) return
    const told = error === null ? null : error.code
    const attempt = { step, startUs, endUs: clock.monotonicUs(), error: told }
    of.attempts = [...of.attempts.slice(0, maxToldAttempts - 1), attempt]
  }
}

function isRetried(thrown: unknown): thrown is PipelineError {
  return (
    thrown instanceof PipelineError &&
    (thrown.kind === 'unavailable' || thrown.kind === 'full' || thrown.kind === 'rejected')
  )
}
