import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeJson, encodeJson } from '../../../src/core/json.ts'
import { DistinctCount, maxExactDistinct } from '../../../src/operators/analysis/distinct-count.ts'

function countOf(texts: Iterable<string>): DistinctCount {
  const count = new DistinctCount()
  for (const text of texts) count.add(text)
  return count
}

function* numbered(count: number, prefix = 'user-'): Generator<string> {
  for (let index = 0; index < count; index++) yield `${prefix}${index}`
}

describe('the distinct count', () => {
  it('is exact up to its limit, however often a text comes', () => {
    expect(countOf([...numbered(1_000), ...numbered(1_000)]).count()).toBe(maxExactDistinct)
    expect(countOf([]).count()).toBe(0)
  })

  it('tells long texts apart', () => {
    const long = 'x'.repeat(5_000)
    expect(countOf(numbered(1_000, long)).count()).toBe(1_000)
  })

  it('does not keep long texts', () => {
    const saved = encodeJson(countOf(numbered(1_000, 'x'.repeat(5_000))).save())
    expect(saved.length).toBeLessThan(40_000)
  })

  it('above its limit lies within 3 % of the exact count', () => {
    for (const prefix of [
      'user-',
      '',
      'https://example.com/a/long/path/that/repeats/',
      '🙂'.repeat(80),
    ]) {
      for (const exact of [1_001, 2_500, 20_000, 50_000, 200_000]) {
        const estimate = countOf(numbered(exact, prefix)).count()
        expect(Math.abs(estimate - exact) / exact).toBeLessThan(0.03)
      }
    }
  })

  it('does not depend on the order or on repetition', () => {
    const texts = [...numbered(5_000)]
    const again = [...texts.toReversed(), ...texts]
    expect(countOf(again).count()).toBe(countOf(texts).count())
  })

  it('goes on from its saved text as if nothing had happened', () => {
    const sizes = fc.integer({ min: 0, max: 1_500 })
    fc.assert(
      fc.property(sizes, sizes, (before, after) => {
        const loaded = DistinctCount.load(decodeJson(encodeJson(countOf(numbered(before)).save())))
        for (const text of numbered(after, 'other-')) loaded.add(text)
        const whole = countOf([...numbered(before), ...numbered(after, 'other-')])
        expect(loaded.count()).toBe(whole.count())
      }),
      { numRuns: 30 },
    )
  })

  it('refuses a saved text that it has not made', () => {
    for (const saved of [null, 5, {}, '', 'AAAA']) {
      expect(() => DistinctCount.load(saved)).toThrow('saved')
    }
  })
})
