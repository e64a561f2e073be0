import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LatencyHistogram } from '../../src/runtime/latency-histogram.ts'

/** Half a bucket of 1/32: the promise of the class. */
const tolerance = 0.016

function filled(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram()
  for (const value of values) histogram.add(value)
  return histogram
}

function exactQuantile(values: readonly number[], fraction: number): number {
  const rank = Math.max(1, Math.ceil(fraction * values.length))
  return values.toSorted((a, b) => a - b)[rank - 1]!
}

describe('latency histogram', () => {
  it('gives quantiles within 1.6 % of the exact ones', () => {
    const value = fc.oneof(
      fc.integer({ min: 1, max: 5_000 }),
      fc.double({ min: 1, max: 1e12, noNaN: true }),
    )
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1 }),
        fc.constantFrom(0, 0.5, 0.95, 0.99, 1),
        (values, fraction) => {
          const exact = exactQuantile(values, fraction)
          const found = filled(values).quantileUs(fraction)
          expect(Math.abs(found - exact)).toBeLessThanOrEqual(tolerance * exact * (1 + 1e-9))
        },
      ),
    )
  })

  it('keeps count, sum, mean and maximum exactly', () => {
    const histogram = filled([1, 2, 4.5])
    expect(histogram).toMatchObject({ count: 3, sumUs: 7.5, meanUs: 2.5, maxUs: 4.5 })
  })

  it('is all zeros while it is empty', () => {
    const empty = new LatencyHistogram()
    expect([empty.count, empty.meanUs, empty.maxUs, empty.quantileUs(0.5)]).toEqual([0, 0, 0, 0])
  })

  it('counts zero, negative (clock skew) and sub-microsecond durations as the shortest', () => {
    const histogram = filled([0, -5, -0, 0.25, 1, 100])
    expect(histogram.count).toBe(6)
    expect(histogram.quantileUs(0.8)).toBeLessThanOrEqual(1)
    expect(histogram.quantileUs(1)).toBeCloseTo(100, -1)
  })

  it('never shows a quantile above the maximum', () => {
    expect(filled([0, 0]).quantileUs(0.99)).toBe(0)
    expect(filled([33]).quantileUs(0.99)).toBeLessThanOrEqual(33)
  })

  it('counts durations beyond its range with the longest', () => {
    const histogram = filled([1e300, Number.MAX_SAFE_INTEGER])
    expect(histogram.count).toBe(2)
    expect(histogram.quantileUs(0.5)).toBeGreaterThan(2 ** 43)
  })

  it('is, added to another, what one histogram of all values is', () => {
    const durations = fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }))
    fc.assert(
      fc.property(durations, durations, (some, others) => {
        const sum = filled(some)
        sum.addAll(filled(others))
        const all = filled([...some, ...others])
        expect(sum.count).toBe(all.count)
        expect(sum.maxUs).toBe(all.maxUs)
        expect(sum.sumUs).toBeCloseTo(all.sumUs, 3)
        expect(sum.quantileUs(0.95)).toBe(all.quantileUs(0.95))
      }),
    )
  })
})
