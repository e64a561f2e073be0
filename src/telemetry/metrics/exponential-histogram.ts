import type { DurationBucket, Durations } from '../../core/metric.ts'

/** As OpenTelemetry's default. */
export const maxExponentialBuckets = 160
/** The durations come in 32 buckets per octave: finer ones would know nothing more. */
const finestScale = 5
/** Of everything in the first bucket, which is at most some 1 µs long. */
const coarsestScale = -10

export interface ExponentialHistogram {
  readonly scale: number
  /** Durations of 1 µs and less, which are as good as none. */
  readonly zeroCount: number
  readonly offset: number
  readonly counts: readonly number[]
}

/**
 * A histogram whose bounds are powers of 2^(2^-scale) seconds, at the finest scale at which all fits.
 * A duration is at most one bucket beside its own.
 */
export function exponentialHistogram({ buckets }: Durations): ExponentialHistogram {
  const zeroCount = buckets.reduce((sum, [lowUs, , count]) => sum + (lowUs === 0 ? count : 0), 0)
  const rest = buckets.filter(([lowUs, , count]) => lowUs > 0 && count > 0)
  if (rest.length === 0) return { scale: finestScale, zeroCount, offset: 0, counts: [] }
  let scale = finestScale
  while (scale > coarsestScale && spanAt(scale, rest) > maxExponentialBuckets) scale -= 1
  const offset = indexOf(rest[0]!, scale)
  const counts = Array.from({ length: indexOf(rest.at(-1)!, scale) - offset + 1 }, () => 0)
  for (const bucket of rest) counts[indexOf(bucket, scale) - offset]! += bucket[2]
  return { scale, zeroCount, offset, counts }
}

function spanAt(scale: number, buckets: readonly DurationBucket[]): number {
  return indexOf(buckets.at(-1)!, scale) - indexOf(buckets[0]!, scale) + 1
}

/** Bucket i holds what is greater than base^i, up to base^(i+1). */
function indexOf([lowUs, highUs]: DurationBucket, scale: number): number {
  const middleS = (lowUs + highUs) / 2e6
  return Math.ceil(Math.log2(middleS) * 2 ** scale) - 1
}
