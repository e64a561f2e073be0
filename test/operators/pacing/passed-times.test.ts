import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  lately,
  passedCodec,
  passing,
  type Passed,
} from '../../../src/operators/pacing/passed-times.ts'

const rate = { count: 3, perMs: 100 }

function most(times: readonly number[]): number {
  return Math.max(
    0,
    ...times.map((from) => times.filter((ms) => ms >= from && ms < from + 100).length),
  )
}

describe('passing times', () => {
  it('are never more than the rate in any span, in whatever order records come', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000), { maxLength: 60 }), (all) => {
        let passed: Passed = []
        const counted: number[] = []
        for (const ms of all) {
          const newest = passed.at(-1) ?? ms
          const after = passing(passed, ms, rate)
          if (after === null) continue
          counted.push(Math.max(ms, newest - 100))
          passed = after
          expect(passed).toEqual([...passed].toSorted((left, right) => left - right))
          expect(passed.length).toBeLessThanOrEqual(2 * rate.count + 2)
        }
        expect(most(counted)).toBeLessThanOrEqual(rate.count)
      }),
    )
  })

  it('refuse none that fits: in order, one passes whenever fewer passed in the span before', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 60 }), (steps) => {
        let passed: Passed = []
        const all: number[] = []
        let ms = 0
        for (const step of steps) {
          ms += step
          const before = all.filter((each) => each > ms - 100).length
          const after = passing(passed, ms, rate)
          expect(after !== null).toBe(before < rate.count)
          if (after === null) continue
          passed = after
          all.push(ms)
        }
      }),
    )
  })

  it('are not kept from passing by a clock that was set back', () => {
    expect(lately([10_000, 20_000], 5_000, rate)).toEqual([5_000, 5_000])
    expect(lately([10_000, 20_000], 20_100, rate)).toEqual([])
  })

  it('come back from their text', () => {
    for (const passed of [[], [5], [1_767_225_600_000, 1_767_225_600_000, 1_767_225_600_123.5]])
      expect(passedCodec.decode(passedCodec.encode(passed))).toEqual(passed)
  })
})
