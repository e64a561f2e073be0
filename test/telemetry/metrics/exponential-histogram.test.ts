import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  exponentialHistogram,
  maxExponentialBuckets,
} from '../../../src/telemetry/metrics/exponential-histogram.ts'
import { durationsOf } from './a-metric.ts'

const durationUs = fc.double({ min: 0.001, max: 9e11, noNaN: true })

describe('a histogram with exponential buckets', () => {
  it('holds every duration once, in a bounded number of buckets', () => {
    fc.assert(
      fc.property(fc.array(durationUs), (values) => {
        const { counts, zeroCount } = exponentialHistogram(durationsOf(values))
        expect(counts.length).toBeLessThanOrEqual(maxExponentialBuckets)
        expect(counts.reduce((sum, count) => sum + count, zeroCount)).toBe(values.length)
      }),
    )
  })

  it('has a duration in its own bucket or the next one', () => {
    fc.assert(
      fc.property(fc.double({ min: 2, max: 9e11, noNaN: true }), durationUs, (us, other) => {
        const { scale, offset, counts } = exponentialHistogram(durationsOf([us, other]))
        const exact = Math.ceil(Math.log2(us / 1e6) * 2 ** scale) - 1
        const near = [exact - 1, exact, exact + 1].map((index) => counts[index - offset] ?? 0)
        expect(Math.max(...near)).toBeGreaterThan(0)
      }),
    )
  })

  it('is as fine as the durations come where they lie close together', () => {
    const { scale, counts } = exponentialHistogram(durationsOf([1_000, 1_100, 2_000]))
    expect(scale).toBe(5)
    expect(counts.filter((count) => count > 0)).toHaveLength(3)
  })

  it('counts what took no time as zero', () => {
    expect(exponentialHistogram(durationsOf([0, 0.5, -3]))).toEqual({
      scale: 5,
      zeroCount: 3,
      offset: 0,
      counts: [],
    })
  })
})
