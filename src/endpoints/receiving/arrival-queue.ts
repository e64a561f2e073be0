import type { Arrival } from './arrival.ts'

export interface QueueLimits {
  readonly requests: number
  readonly bytes: number
}

/** Requests in the order in which they arrived, until they are read. */
export class ArrivalQueue {
  readonly #limits: QueueLimits
  #arrivals: Arrival[] = []
  /** Those before it have been taken: an array is not shifted for each. */
  #from = 0
  #bytes = 0
  #records = 0
  #waiter: { readonly isWorth: () => boolean; readonly resolve: () => void } | null = null

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get records(): number {
    return this.#records
  }

  get requests(): number {
    return this.#arrivals.length - this.#from
  }

  get isEmpty(): boolean {
    return this.#from === this.#arrivals.length
  }

  /** Whether one more may wait, with bodies of so many bytes that are still on their way. */
  hasRoom(bytesOnTheirWay: number): boolean {
    return (
      this.requests < this.#limits.requests && this.#bytes + bytesOnTheirWay < this.#limits.bytes
    )
  }

  add(arrival: Arrival): void {
    this.#arrivals.push(arrival)
    this.#bytes += arrival.bytes
    this.#records += arrival.values.length
    this.poke()
  }

  /** Whole requests: as many as fit, and one whatever its size. */
  take(maxRecords: number, maxBytes: number): Arrival[] {
    const first = this.#from
    let records = 0
    let bytes = 0
    while (this.#from < this.#arrivals.length) {
      const next = this.#arrivals[this.#from]!
      records += next.values.length
      bytes += next.bytes
      if (this.#from > first && (records > maxRecords || bytes > maxBytes)) break
      this.#from += 1
    }
    return this.#taken(this.#arrivals.slice(first, this.#from))
  }

  /** Those that arrived before a time, epoch µs. */
  takeOlder(thanUs: number): Arrival[] {
    const first = this.#from
    while (!this.isEmpty && this.#arrivals[this.#from]!.ingestUs < thanUs) this.#from += 1
    return this.#taken(this.#arrivals.slice(first, this.#from))
  }

  /**
   * Returns once it is worth to read, or the signal has aborted; in a later turn of the event loop, so that
   * those who sent at the same time are in one commit. Asks when something was added, and when poked.
   */
  async until(isWorth: () => boolean, signal: AbortSignal): Promise<void> {
    if (signal.aborted || isWorth()) return
    await new Promise<void>((resolve) => {
      this.#waiter = { isWorth, resolve }
      signal.addEventListener('abort', this.#onAbort, { once: true })
    })
    signal.removeEventListener('abort', this.#onAbort)
  }

  poke(): void {
    if (this.#waiter?.isWorth() === true) this.#wake()
  }

  #wake(): void {
    const waiter = this.#waiter
    this.#waiter = null
    if (waiter !== null) setImmediate(waiter.resolve)
  }

  readonly #onAbort = () => this.#wake()

  #taken(arrivals: Arrival[]): Arrival[] {
    for (const { values, bytes } of arrivals) {
      this.#records -= values.length
      this.#bytes -= bytes
    }
    if (this.isEmpty) {
      this.#arrivals = []
      this.#from = 0
    } else if (this.#from > this.#limits.requests) {
      this.#arrivals = this.#arrivals.slice(this.#from)
      this.#from = 0
    }
    return arrivals
  }
}
