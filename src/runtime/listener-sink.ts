import { storedEventOf, type StoredEvent } from '../core/cloud-event.ts'
import type { Sink, SinkReceipt } from '../core/endpoints.ts'
import { messageOf, PipelineError, type RecordErrorCode } from '../core/errors.ts'
import type { HookOutcome } from '../core/telemetry.ts'
import type { RecordBatch } from '../core/record-batch.ts'
import { Departures } from './departures.ts'
import { awayError } from './listener-failure.ts'
import { tooSlow } from './listener-queue.ts'
import type { ReliableHook } from './reliable-hook.ts'
import { pauseMs } from './retry.ts'

/** Events that are given to a listener between two commits of its position. */
export const maxUncommittedEvents = 32

/** How long a listener whose deadline has passed may take to end. */
const lastWordMs = 100

/** What became of one attempt to give an event to the listener. */
interface Attempt {
  readonly outcome: HookOutcome
  readonly message: string | null
  /** Why no other event would fare better; null where one might. */
  readonly away: PipelineError | null
}

/** An event on its way to the listener, also over several writes of its batch. */
interface Delivery {
  readonly stored: StoredEvent
  readonly queuedUs: number
  readonly freeUs: number
  readonly ahead: number
  startUs: number
  runUs: number
  attempts: number
}

/** The events of one batch, up to where the listener has them. */
interface Progress {
  readonly batch: RecordBatch
  next: number
  readonly failures: { index: number; code: RecordErrorCode; message: string }[]
  delivery: Delivery | null
}

/**
 * Gives the events of a topic partition to the listener of a reliable hook, in order, one at a time, each
 * until the listener has taken it or refused it often enough. While its peer is away it throws: the task
 * pauses and comes back with the same batch, which goes on where it was.
 */
export class ListenerSink implements Sink {
  readonly #hook: ReliableHook
  /** Events that the listener has or has refused. */
  readonly #departures: Departures
  #progress: Progress | null = null

  constructor(hook: ReliableHook) {
    this.#hook = hook
    this.#departures = new Departures(hook.options.clock.monotonicUs())
  }

  begin(): Promise<null> {
    return Promise.resolve(null)
  }

  /** @throws PipelineError PEER_UNAVAILABLE */
  async write(batch: RecordBatch, signal: AbortSignal): Promise<SinkReceipt> {
    const progress = this.#progressIn(batch)
    for (; progress.next < batch.count; progress.next++) {
      assertWorking(signal)
      await this.#handle(progress, signal)
    }
    this.#progress = null
    return { memory: null, failures: progress.failures }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #progressIn(batch: RecordBatch): Progress {
    if (this.#progress?.batch !== batch)
      this.#progress = { batch, next: 0, failures: [], delivery: null }
    return this.#progress
  }

  async #handle(progress: Progress, signal: AbortSignal): Promise<void> {
    const { batch, next: index, failures } = progress
    const stored = progress.delivery?.stored ?? storedEventOf(batch.valueText(index))
    if (stored === null) {
      failures.push({ index, code: 'RECORD_DECODE', message: 'the record is no event of a hook' })
      return
    }
    if (!this.#hook.listensTo(stored.event)) return
    const unclear = this.#judge(stored)
    if (unclear === false) return
    if (unclear !== null) {
      failures.push({ index, code: 'RECORD_EXPRESSION', message: unclear })
      this.#hook.meterOf(stored.event.event).failed += 1
      this.#hook.refused(stored.event, unclear)
      return
    }
    progress.delivery ??= this.#begin(stored, batch.ingestUs[index]!)
    const refusal = await this.#deliver(progress.delivery, signal)
    progress.delivery = null
    if (refusal !== null) failures.push({ index, code: 'RECORD_REJECTED', message: refusal })
  }

  /** Whether the condition holds: null; or not: false; or why that cannot be said. */
  #judge({ event }: StoredEvent): string | false | null {
    const { when } = this.#hook
    try {
      return when === null || when(event) === true ? null : false
    } catch (thrown) {
      return `\`when\` cannot be evaluated: ${messageOf(thrown)}`
    }
  }

  #begin(stored: StoredEvent, toldUs: number): Delivery {
    const nowUs = this.#hook.options.clock.monotonicUs()
    // Events of a machine whose clock is ahead have waited for nothing, as far as can be told.
    const queuedUs = Math.min(toldUs, nowUs)
    const freeUs = this.#departures.lastUs
    const ahead = this.#departures.total - this.#departures.by(queuedUs)
    return { stored, queuedUs, freeUs, ahead, startUs: Number.NaN, runUs: 0, attempts: 0 }
  }

  /** @returns why the listener did not take the event; null where it did. */
  async #deliver(delivery: Delivery, signal: AbortSignal): Promise<string | null> {
    const { clock, random, retry } = this.#hook.options
    for (let refusals = 1; ; refusals++) {
      await this.#untilAllowed(signal)
      const startUs = clock.monotonicUs()
      if (delivery.attempts === 0) delivery.startUs = startUs
      delivery.attempts += 1
      const { outcome, message, away } = await this.#attempt(delivery.stored)
      delivery.runUs += clock.monotonicUs() - startUs
      if (away !== null) throw away
      if (outcome === 'delivered' || refusals >= retry.max) {
        this.#hook.ended(delivery.stored, { ...delivery, outcome, message })
        this.#departures.note(1, clock.monotonicUs())
        return message
      }
      await clock.sleep(pauseMs(retry.backoff, refusals - 1, random), signal)
      assertWorking(signal)
    }
  }

  async #attempt({ event }: StoredEvent): Promise<Attempt> {
    const { listener, hook, clock } = this.#hook.options
    const { deadlineMs } = hook.delivery
    const deadline = new AbortController()
    const finished = new AbortController()
    try {
      const called = listener.notify(event, deadline.signal)
      if (called === undefined) return delivered
      const working = Promise.resolve(called).then(() => delivered)
      const late = clock.sleep(deadlineMs, finished.signal).then(() => null)
      const attempt = await Promise.race([working, late])
      if (attempt !== null) return attempt
      const message = tooSlow(deadlineMs)
      deadline.abort(new Error(message))
      // One that heeds the signal still says whether it waited for a peer; nothing else is of interest now.
      const said = working.then(
        () => null,
        (thrown: unknown) => awayError(thrown),
      )
      const away = await Promise.race([said, clock.sleep(lastWordMs).then(() => null)])
      return { outcome: 'timed_out', message, away }
    } catch (thrown) {
      return { outcome: 'failed', message: messageOf(thrown), away: awayError(thrown) }
    } finally {
      finished.abort()
    }
  }

  async #untilAllowed(signal: AbortSignal): Promise<void> {
    const { bucket } = this.#hook
    const { clock, hook } = this.#hook.options
    if (bucket === null || hook.delivery.rate === null) return
    const { count, perMs } = hook.delivery.rate
    while (bucket.available(clock.monotonicUs()) < 1) {
      await clock.sleep(perMs / count, signal)
      assertWorking(signal)
    }
    bucket.take(1)
  }
}

const delivered: Attempt = { outcome: 'delivered', message: null, away: null }

/** @throws PipelineError PEER_UNAVAILABLE, which nobody is told of any more: the batch comes again. */
function assertWorking(signal: AbortSignal): void {
  if (signal.aborted) throw new PipelineError('PEER_UNAVAILABLE', 'the hook has been stopped')
}
