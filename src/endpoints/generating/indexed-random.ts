/**
 * Random numbers that depend on a seed and an index only, so that record i is the same in every run
 * and reading can begin at any index: sfc32, seeded through murmur3's finalizer.
 */
export class IndexedRandom {
  readonly #seed: number
  #a = 0
  #b = 0
  #c = 0
  #counter = 0

  /** @param seed an integer; its lower 53 bits count. */
  constructor(seed: number) {
    this.#seed = mix(seed >>> 0) ^ mix(Math.floor(seed / 2 ** 32) ^ 0x9e3779b9)
  }

  /** Begins the numbers of this index. */
  moveTo(index: number): void {
    const low = index >>> 0
    const high = Math.floor(index / 2 ** 32)
    this.#a = mix(this.#seed ^ low)
    this.#b = mix(this.#a ^ high ^ 0x85ebca6b)
    this.#c = mix(this.#b ^ low ^ 0xc2b2ae35)
    this.#counter = 1
    // The first numbers still show how alike the seeds of neighbours are.
    for (let round = 0; round < 4; round++) this.integer32()
  }

  /** Uniform in [0, 2^32). */
  integer32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** Uniform in [0, 1), with 53 bits. */
  next(): number {
    const high = this.integer32() >>> 5
    const low = this.integer32() >>> 6
    return (high * 2 ** 26 + low) / 2 ** 53
  }
}

function mix(input: number): number {
  let hash = input | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
