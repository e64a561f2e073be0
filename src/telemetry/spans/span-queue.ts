import type { Clock } from '../../core/clock.ts'

export interface SpanQueueOptions<Span> {
  readonly clock: Clock
  /** Hands spans over to the collector. @throws (as a rejection) where it did not take them. */
  readonly send: (spans: readonly Span[]) => Promise<void>
  readonly scheduleDelayMs: number
  readonly exportTimeoutMs: number
  readonly maxQueueSize: number
  readonly maxBatchSize: number
  /** Told of each batch that was not taken. Must not throw. */
  readonly onFailure: (thrown: unknown) => void
}

/**
 * Spans on their way to the collector: sent batch by batch, at intervals, one batch at a time. Whoever
 * adds some never waits and is never told of an error. What does not fit, or is not taken, is dropped
 * and counted.
 */
export class SpanQueue<Span> {
  readonly #options: SpanQueueOptions<Span>
  readonly #over = new AbortController()
  readonly #sending: Promise<void>
  #waiting: Span[] = []
  #inFlight = 0
  #wake = new AbortController()
  #isClosing = false
  exported = 0
  readonly dropped = { queue: 0, export: 0, shutdown: 0 }

  constructor(options: SpanQueueOptions<Span>) {
    this.#options = options
    this.#sending = this.#run()
  }

  add(span: Span): void {
    const { maxQueueSize, maxBatchSize } = this.#options
    if (this.#isClosing) this.dropped.shutdown += 1
    else if (this.#waiting.length + this.#inFlight >= maxQueueSize) this.dropped.queue += 1
    else {
      this.#waiting.push(span)
      if (this.#waiting.length === maxBatchSize) this.#wake.abort()
    }
  }

  /** Sends what is left, for `deadlineMs` at most. Never rejects. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosing = true
    this.#wake.abort()
    const inTime = new AbortController()
    await Promise.race([
      this.#sending.then(() => inTime.abort()),
      this.#options.clock.sleep(deadlineMs, inTime.signal),
    ])
    if (inTime.signal.aborted) return
    this.#over.abort()
    this.dropped.shutdown += this.#waiting.length + this.#inFlight
    this.#waiting = []
    this.#inFlight = 0
  }

  async #run(): Promise<void> {
    const { clock, scheduleDelayMs, maxBatchSize } = this.#options
    while (!this.#over.signal.aborted) {
      if (!this.#isClosing && this.#waiting.length < maxBatchSize) {
        this.#wake = new AbortController()
        await clock.sleep(scheduleDelayMs, this.#wake.signal)
      }
      if (this.#waiting.length > 0) await this.#sendBatch()
      else if (this.#isClosing) return
    }
  }

  async #sendBatch(): Promise<void> {
    const { clock, send, exportTimeoutMs, maxBatchSize, onFailure } = this.#options
    const batch = this.#waiting.splice(0, maxBatchSize)
    this.#inFlight = batch.length
    const done = new AbortController()
    const timeout = clock.sleep(exportTimeoutMs, done.signal).then(() => {
      if (!done.signal.aborted)
        throw new Error(`the collector did not answer within ${exportTimeoutMs} ms`)
    })
    let failure: unknown = null
    try {
      await Promise.race([send(batch), timeout])
    } catch (thrown) {
      failure = thrown ?? new Error('it refused the spans')
    } finally {
      done.abort()
    }
    // After the end of the process' patience they have been counted already.
    if (this.#over.signal.aborted) return
    this.#inFlight = 0
    if (failure === null) this.exported += batch.length
    else {
      this.dropped.export += batch.length
      onFailure(failure)
    }
  }
}
