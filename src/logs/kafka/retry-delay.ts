import type { Random } from '../../core/clock.ts'

export interface RetryDelayOptions {
  readonly firstMs: number
  readonly maxMs: number
  /** How much longer each delay is than the one before. */
  readonly factor?: number
}

/** The coordinator of transactions lets clients wait that often while it completes the last one. */
const usualAttempts = 20

/** Delays that grow up to a limit, each with jitter: many clients must not come back in step. */
export class RetryDelay {
  readonly #options: RetryDelayOptions
  readonly #random: Random
  #nextMs: number
  #attempts = 0

  constructor(options: RetryDelayOptions, random: Random) {
    this.#options = options
    this.#random = random
    this.#nextMs = options.firstMs
  }

  /** Whether nothing has gone wrong since the last success. */
  get isFresh(): boolean {
    return this.#attempts === 0
  }

  /** Whether so much has gone wrong that somebody should hear of it. */
  get isLong(): boolean {
    return this.#attempts > usualAttempts
  }

  /** How long to wait before the next attempt: between half and all of what is due. */
  next(): number {
    const dueMs = this.#nextMs
    this.#attempts += 1
    this.#nextMs = Math.min(this.#options.maxMs, dueMs * (this.#options.factor ?? 2))
    return dueMs * (0.5 + this.#random.next() / 2)
  }

  succeeded(): void {
    this.#attempts = 0
    this.#nextMs = this.#options.firstMs
  }
}
