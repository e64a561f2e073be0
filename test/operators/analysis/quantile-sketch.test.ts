import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeJson, encodeJson } from '../../../src/core/json.ts'
import { QuantileSketch } from '../../../src/operators/analysis/quantile-sketch.ts'

function sketchOf(values: readonly number[]): QuantileSketch {
  const sketch = new QuantileSketch()
  for (const value of values) sketch.add(value)
  return sketch
}

function nearestRank(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const share = (percent / 100) * sorted.length
  return sorted[Math.max(1, Math.ceil(share - share * 1e-12)) - 1]!
}

function expectWithin1Percent(values: readonly number[], percent: number): void {
  const exact = nearestRank(values, percent)
  const estimate = sketchOf(values).percentile(percent)!
  expect(Math.abs(estimate - exact)).toBeLessThanOrEqual(Math.abs(exact) * 0.01 + 1e-300)
}

const percents = fc.oneof(
  fc.constantFrom(0, 50, 95, 99, 99.9, 100),
  fc.double({ noNaN: true, min: 0, max: 100 }),
)
const cents = fc.integer({ min: -1_000_000, max: 1_000_000 }).map((number) => number / 100)

describe('the percentile', () => {
  it('is null where there is no value', () => {
    expect(new QuantileSketch().percentile(50)).toBe(null)
  })

  it('is a value of the group, by nearest rank, while the group is small', () => {
    const values = [15, 20, 35, 40, 50]
    expect(sketchOf(values).percentile(5)).toBe(15)
    expect(sketchOf(values).percentile(30)).toBe(20)
    expect(sketchOf(values).percentile(40)).toBe(20)
    expect(sketchOf(values).percentile(50)).toBe(35)
    expect(sketchOf(values).percentile(100)).toBe(50)
  })

  it('lies within 1 % of the exact one, with negative numbers and zeros', () => {
    const values = fc.array(fc.oneof(cents, fc.constant(0)), { minLength: 1, maxLength: 400 })
    fc.assert(
      fc.property(values, percents, (given, percent) => expectWithin1Percent(given, percent)),
    )
  })

  it('lies within 1 % in large groups of any shape', () => {
    const shapes: ((index: number) => number)[] = [
      (index) => index,
      (index) => -index,
      (index) => index - 5_000,
      (index) => Math.exp(index / 600),
      (index) => (index % 3) - 1,
      (index) => (index % 10 === 0 ? 1e9 : 1e-3),
      () => 42.5,
    ]
    for (const shape of shapes) {
      const values = Array.from({ length: 10_000 }, (_, index) => shape((index * 7_919) % 10_000))
      for (const percent of [0, 1, 5, 25, 50, 75, 90, 95, 99, 99.99, 100]) {
        expectWithin1Percent(values, percent)
      }
    }
  })

  it('never leaves the range of the values, and is exact at its ends', () => {
    const values = fc.array(fc.double({ noNaN: true, min: -1e290, max: 1e290 }), {
      minLength: 65,
      maxLength: 200,
    })
    fc.assert(
      fc.property(values, percents, (given, percent) => {
        const estimate = sketchOf(given).percentile(percent)!
        expect(estimate).toBeGreaterThanOrEqual(nearestRank(given, 0))
        expect(estimate).toBeLessThanOrEqual(nearestRank(given, 100))
        expect(sketchOf(given).percentile(100)).toBe(nearestRank(given, 100) + 0)
      }),
    )
  })

  it('stays bounded and right for large values when magnitudes span hundreds of powers of ten', () => {
    const values = Array.from({ length: 5_000 }, (_, index) => 10 ** (((index * 13) % 560) - 280))
    const saved = encodeJson(sketchOf(values).save())
    expect(saved.length).toBeLessThan(50_000)
    expectWithin1Percent(values, 98)
    expectWithin1Percent(values, 100)
  })

  it('goes on from its saved text as if nothing had happened', () => {
    const wide = fc.oneof(cents, fc.double({ noNaN: true, min: -1e290, max: 1e290 }))
    const lists = fc.array(wide, { maxLength: 200 })
    fc.assert(
      fc.property(lists, lists, percents, (before, after, percent) => {
        const loaded = QuantileSketch.load(decodeJson(encodeJson(sketchOf(before).save())))
        for (const value of after) loaded.add(value)
        expect(loaded.percentile(percent)).toBe(sketchOf([...before, ...after]).percentile(percent))
      }),
    )
  })

  it('refuses a saved text that it has not made', () => {
    for (const saved of [null, 'x', ['x'], {}, { positive: [1], negative: [] }]) {
      expect(() => QuantileSketch.load(saved)).toThrow()
    }
  })
})
