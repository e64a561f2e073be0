const size = 624
const period = 397

/**
 * MT19937 (Matsumoto and Nishimura), seeded and read as Python's `random.Random(seed)` does, so that
 * the reference workload is byte for byte the one that other programs are measured with.
 */
export class MersenneTwister {
  readonly #state = new Uint32Array(size)
  #at = size

  constructor(seed: number) {
    this.#seedBy(19_650_218)
    this.#mixIn([seed >>> 0])
  }

  /** A number in [0, 1) of 53 bits. */
  random(): number {
    const high = this.#next() >>> 5
    const low = this.#next() >>> 6
    return (high * 67_108_864 + low) / 9_007_199_254_740_992
  }

  /** An integer in [0, below). */
  below(below: number): number {
    const bits = 32 - Math.clz32(below)
    for (;;) {
      const drawn = this.#next() >>> (32 - bits)
      if (drawn < below) return drawn
    }
  }

  /** An integer in [from, to). */
  between(from: number, to: number): number {
    return from + this.below(to - from)
  }

  choice<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!
  }

  #seedBy(seed: number): void {
    this.#state[0] = seed
    for (let index = 1; index < size; index++) {
      const before = this.#state[index - 1]!
      this.#state[index] = Math.imul(1_812_433_253, before ^ (before >>> 30)) + index
    }
  }

  #mixIn(key: readonly number[]): void {
    const state = this.#state
    let at = 1
    for (let round = 0; round < size; round++) {
      const before = state[at - 1]!
      const index = round % key.length
      state[at] =
        (state[at]! ^ Math.imul(before ^ (before >>> 30), 1_664_525)) + key[index]! + index
      at += 1
      if (at >= size) {
        state[0] = state[size - 1]!
        at = 1
      }
    }
    for (let round = 0; round < size - 1; round++) {
      const before = state[at - 1]!
      state[at] = (state[at]! ^ Math.imul(before ^ (before >>> 30), 1_566_083_941)) - at
      at += 1
      if (at >= size) {
        state[0] = state[size - 1]!
        at = 1
      }
    }
    state[0] = 0x80000000
  }

  #next(): number {
    if (this.#at >= size) this.#twist()
    let drawn = this.#state[this.#at]!
    this.#at += 1
    drawn ^= drawn >>> 11
    drawn ^= (drawn << 7) & 0x9d2c5680
    drawn ^= (drawn << 15) & 0xefc60000
    return (drawn ^ (drawn >>> 18)) >>> 0
  }

  #twist(): void {
    const state = this.#state
    for (let index = 0; index < size; index++) {
      const mixed = (state[index]! & 0x80000000) | (state[(index + 1) % size]! & 0x7fffffff)
      const matrix = (mixed & 1) === 0 ? 0 : 0x9908b0df
      state[index] = state[(index + period) % size]! ^ (mixed >>> 1) ^ matrix
    }
    this.#at = 0
  }
}
