import type { Random } from '../../core/clock.ts'

export interface RetryDelayOptions {
  readonly firstMs: number
  readonly maxMs: number
  /** How much longer each delay is than the one before. */
  readonly factor?: number
}

/** Delays that grow up to a limit, each with jitter: many clients must not come back in step. */
export class RetryDelay {
  readonly #options: RetryDelayOptions
  readonly #random: Random
  #nextMs: number

  constructor(options: RetryDelayOptions, random: Random) {
    this.#options = options
    this.#random = random
    this.#nextMs = options.firstMs
  }

  /** Whether nothing has gone wrong since the last success. */
  get isFresh(): boolean {
    return this.#nextMs === this.#options.firstMs
  }

  /** How long to wait before the next attempt: between half and all of what is due. */
  next(): number {
    const dueMs = this.#nextMs
    this.#nextMs = Math.min(this.#options.maxMs, dueMs * (this.#options.factor ?? 2))
    return dueMs * (0.5 + this.#random.next() / 2)
  }

  succeeded(): void {
    this.#nextMs = this.#options.firstMs
  }
}
