/** Enough for some 20 s of slices; beyond, every second entry goes: the past becomes coarser. */
const maxEntries = 1_024

/**
 * How many records had left a task by when. With it the records that were ahead of another one when it
 * arrived are counted without a look into the log: those that left since, up to that one.
 */
export class Departures {
  readonly #atUs = new Float64Array(maxEntries)
  readonly #totals = new Float64Array(maxEntries)
  #entries = 0
  /** Entries below this one stand for several: in between, departures are taken to be even. */
  #coarse = 0
  #total = 0
  /** Since when the task works, epoch µs; what arrived before waited for no record. */
  readonly startedUs: number

  constructor(startedUs: number) {
    this.startedUs = startedUs
  }

  /** Records that have left. */
  get total(): number {
    return this.#total
  }

  /** When the last of them left; the start of the task where none has, epoch µs. */
  get lastUs(): number {
    return this.#entries === 0 ? this.startedUs : this.#atUs[this.#entries - 1]!
  }

  note(records: number, atUs: number): void {
    if (records === 0) return
    if (this.#entries === maxEntries) this.#thinOut()
    this.#total += records
    this.#atUs[this.#entries] = atUs
    this.#totals[this.#entries] = this.#total
    this.#entries += 1
  }

  /** Records that had left by then. */
  by(us: number): number {
    let low = 0
    let high = this.#entries
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#atUs[middle]! <= us) low = middle + 1
      else high = middle
    }
    const before = low === 0 ? 0 : this.#totals[low - 1]!
    if (low >= this.#coarse) return before
    const fromUs = low === 0 ? this.startedUs : this.#atUs[low - 1]!
    const share = (us - fromUs) / (this.#atUs[low]! - fromUs)
    return share > 0 ? before + share * (this.#totals[low]! - before) : before
  }

  #thinOut(): void {
    const kept = maxEntries / 2
    for (let index = 0; index < kept; index++) {
      this.#atUs[index] = this.#atUs[2 * index + 1]!
      this.#totals[index] = this.#totals[2 * index + 1]!
    }
    this.#entries = kept
    this.#coarse = kept
  }
}
