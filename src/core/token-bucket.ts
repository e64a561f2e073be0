/** So many per second on average, and no more than `burst` at once. It is full at first. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #filledUs = Number.NaN

  constructor(rate: { readonly perSecond: number; readonly burst: number }) {
    this.#perSecond = rate.perSecond
    this.#burst = rate.burst
    this.#tokens = rate.burst
  }

  /** Whole tokens that are there; may be Infinity. */
  available(nowUs: number): number {
    this.#fill(nowUs)
    return Math.max(0, Math.floor(this.#tokens))
  }

  /** Takes them whether they are there or not: what is missing is missing later. */
  take(count: number): void {
    this.#tokens -= count
  }

  #fill(nowUs: number): void {
    if (nowUs > this.#filledUs) {
      const gained = ((nowUs - this.#filledUs) * this.#perSecond) / 1_000_000
      this.#tokens = Math.min(this.#burst, this.#tokens + gained)
    }
    // Of a time that goes back nothing is gained, and nothing is lost.
    if (!(nowUs < this.#filledUs)) this.#filledUs = nowUs
  }
}
