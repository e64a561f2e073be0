import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isoUtc, isWindowable, tumblingStart } from '../../../src/operators/analysis/window.ts'

describe('tumbling windows', () => {
  it('are aligned to the epoch, also before it', () => {
    expect(tumblingStart(0, 10_000)).toBe(0)
    expect(tumblingStart(9_999, 10_000)).toBe(0)
    expect(tumblingStart(10_000, 10_000)).toBe(10_000)
    expect(tumblingStart(-1, 10_000)).toBe(-10_000)
    expect(tumblingStart(-10_000, 10_000)).toBe(-10_000)
    expect(tumblingStart(-10_001, 10_000)).toBe(-20_000)
  })

  it('hold each time exactly once, whatever the size', () => {
    const dates = fc.integer({ min: -8.5e15, max: 8.5e15 })
    const eighths = fc.maxSafeInteger().map((number) => number / 8)
    const times = fc.oneof(fc.integer(), dates, eighths)
    const sizes = fc.integer({ min: 1, max: 400 * 86_400_000 })
    fc.assert(
      fc.property(times, sizes, (time, size) => {
        const start = tumblingStart(time, size)
        expect(start).toBeLessThanOrEqual(time)
        expect(time - start).toBeLessThan(size)
        expect(Math.abs(start % size)).toBe(0)
      }),
    )
  })

  it('know no daylight saving: a day is 24 hours of UTC', () => {
    const start = tumblingStart(Date.parse('2026-03-29T12:00:00+02:00'), 86_400_000)
    expect(isoUtc(start)).toBe('2026-03-29T00:00:00.000Z')
    expect(isoUtc(start + 86_400_000)).toBe('2026-03-30T00:00:00.000Z')
  })

  it('exist only where their bounds can be written as text', () => {
    expect(isWindowable(0, 10_000)).toBe(true)
    expect(isWindowable(8.64e15 - 10_000, 10_000)).toBe(true)
    expect(isWindowable(8.64e15, 10_000)).toBe(false)
    expect(isWindowable(-8.64e15, 10_000)).toBe(false)
    expect(isWindowable(Number.NaN, 10_000)).toBe(false)
  })
})
