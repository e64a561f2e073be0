import type { Random } from '../core/clock.ts'
import { TokenBucket } from '../core/token-bucket.ts'

/** A span of places in a slice: `[from, to)`. */
export interface PlaceRange {
  readonly from: number
  readonly to: number
}

export interface Picked {
  readonly picks: readonly number[]
  /** Records that would have been picked, but for the budget. */
  readonly missed: number
}

export interface TraceSamplerOptions {
  /** Traces per second; Infinity takes all that the budget allows. */
  readonly perSecond: number
  /** Instead of that, a share of the records; null: none is said. */
  readonly ratio: number | null
  readonly random: Random
}

/** Picks the records that begin a trace: so many a second, from anywhere in the slices of that second. */
export class TraceSampler {
  readonly #options: TraceSamplerOptions
  readonly #bucket: TokenBucket

  constructor(options: TraceSamplerOptions) {
    this.#options = options
    const { perSecond } = options
    // A rate below one a second still gives a whole trace now and then.
    this.#bucket = new TokenBucket({
      perSecond,
      burst: perSecond === 0 ? 0 : Math.max(1, perSecond),
    })
  }

  /** Places among those of the ranges, ascending: at most `budget`, for which others are missed. */
  pick(ranges: readonly PlaceRange[], budget: number, nowUs: number): Picked {
    const count = ranges.reduce((sum, { from, to }) => sum + to - from, 0)
    const { ratio } = this.#options
    const wanted = ratio === null ? this.#bucket.available(nowUs) : this.#share(count * ratio)
    const taken = Math.min(count, budget, wanted)
    const missed = Math.min(count, wanted) - taken
    if (taken <= 0) return { picks: [], missed }
    if (ratio === null) this.#bucket.take(taken)
    return { picks: this.#spread(count, taken).map((index) => placeAt(ranges, index)), missed }
  }

  /** Rounded up or down so that the mean is right. */
  #share(records: number): number {
    return Math.floor(records + this.#options.random.next())
  }

  /** One anywhere in each of `taken` equal parts of `count`. */
  #spread(count: number, taken: number): number[] {
    if (taken === count) return Array.from({ length: count }, (_, index) => index)
    const width = count / taken
    return Array.from({ length: taken }, (_, index) =>
      Math.min(count - 1, Math.floor((index + this.#options.random.next()) * width)),
    ).filter((place, index, all) => place !== all[index - 1])
  }
}

function placeAt(ranges: readonly PlaceRange[], index: number): number {
  let left = index
  for (const { from, to } of ranges) {
    if (left < to - from) return from + left
    left -= to - from
  }
  return left
}
