/** Shorter spans say nothing that the next one does not. */
const minSpanUs = 20_000

/**
 * The mean number of records that wait, from looks at it now and then, independent of how long each of
 * them waits: between two looks it is taken to change evenly.
 */
export class BacklogArea {
  /** Records times µs, and the µs that it is about. */
  areaUs = 0
  spanUs = 0
  #lastUs = Number.NaN
  #last = 0

  get hasBegun(): boolean {
    return !Number.isNaN(this.#lastUs)
  }

  /** Whether enough time has passed for another look. */
  isDue(nowUs: number): boolean {
    return !(nowUs - this.#lastUs < minSpanUs)
  }

  /** @param left records that have just gone, which waited up to now. */
  add(nowUs: number, waiting: number, left: number): void {
    const spanUs = nowUs - this.#lastUs
    if (spanUs > 0) {
      this.areaUs += (spanUs * (this.#last + waiting + left)) / 2
      this.spanUs += spanUs
    }
    this.#lastUs = nowUs
    this.#last = waiting
  }
}
