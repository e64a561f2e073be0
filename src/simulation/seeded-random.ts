import type { Random } from '../core/clock.ts'

/**
 * The generator `mulberry32`: the same numbers for the same seed, on every machine. Whoever makes one
 * prints `seed` with a failure, so that it can be repeated.
 */
export class SeededRandom implements Random {
  readonly seed: number
  #state: number

  /** @param seed its lower 32 bits count. */
  constructor(seed: number) {
    this.seed = seed
    this.#state = seed | 0
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
