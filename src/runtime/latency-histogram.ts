/** Buckets per power of two: a bucket is at most 1/32 wide, so its middle is within 1.6 % of any value in it. */
const subBucketBits = 5
const mantissaBitsInHighWord = 20
const shift = mantissaBitsInHighWord - subBucketBits
const exponentOfOne = 1023
/** 1 µs and below share the first bucket; the last one begins at 2^43 µs, about 100 days. */
const firstIndex = exponentOfOne << subBucketBits
const bucketCount = 44 << subBucketBits

const float = new Float64Array(1)
const words = new Uint32Array(float.buffer)

/** A histogram as plain data, for another process. */
export interface HistogramData {
  readonly count: number
  readonly sumUs: number
  readonly maxUs: number
  /** Numbers and counts of the buckets that are not empty. */
  readonly buckets: readonly (readonly [index: number, count: number])[]
}

/** Durations in µs, for every record: an addition takes some 10 ns and never allocates. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(bucketCount)
  count = 0
  sumUs = 0
  maxUs = 0

  add(durationUs: number): void {
    this.count += 1
    this.sumUs += durationUs
    if (durationUs > this.maxUs) this.maxUs = durationUs
    float[0] = durationUs
    // The sign bit makes a negative duration (clock skew) a huge index; it counts as the shortest.
    const index = durationUs <= 1 ? 0 : (words[1]! >>> shift) - firstIndex
    this.#counts[index < bucketCount ? index : bucketCount - 1]! += 1
  }

  addAll(other: LatencyHistogram): void {
    for (let index = 0; index < bucketCount; index++) this.#counts[index]! += other.#counts[index]!
    this.count += other.count
    this.sumUs += other.sumUs
    this.maxUs = Math.max(this.maxUs, other.maxUs)
  }

  toData(): HistogramData {
    const { count, sumUs, maxUs } = this
    const buckets: [index: number, count: number][] = []
    for (let index = 0; index < bucketCount; index++)
      if (this.#counts[index]! > 0) buckets.push([index, this.#counts[index]!])
    return { count, sumUs, maxUs, buckets }
  }

  addData({ count, sumUs, maxUs, buckets }: HistogramData): void {
    for (const [index, inBucket] of buckets) this.#counts[index]! += inBucket
    this.count += count
    this.sumUs += sumUs
    this.maxUs = Math.max(this.maxUs, maxUs)
  }

  get meanUs(): number {
    return this.count === 0 ? 0 : this.sumUs / this.count
  }

  /** @param fraction such as 0.99; 0 where nothing was added. */
  quantileUs(fraction: number): number {
    const rank = Math.max(1, Math.ceil(fraction * this.count))
    let seen = 0
    for (let index = 0; index < bucketCount; index++) {
      seen += this.#counts[index]!
      if (seen >= rank) return Math.min(middleOf(index), this.maxUs)
    }
    return 0
  }
}

/** What a bucket holds: from `lowUs` up to, and without, `highUs`; the last one has no end, but for its name. */
export function bucketRangeUs(index: number): { lowUs: number; highUs: number } {
  const octaveUs = 2 ** (index >>> subBucketBits)
  const widthUs = octaveUs / (1 << subBucketBits)
  const lowUs = octaveUs + (index % (1 << subBucketBits)) * widthUs
  return { lowUs: index === 0 ? 0 : lowUs, highUs: lowUs + widthUs }
}

function middleOf(index: number): number {
  words[0] = 0
  words[1] = (index + firstIndex) << shift
  const low = float[0]!
  words[1] = (index + 1 + firstIndex) << shift
  return index === 0 ? 1 : (low + float[0]!) / 2
}
