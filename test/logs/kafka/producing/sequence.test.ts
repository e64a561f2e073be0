import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sequenceAfter } from '../../../../src/logs/kafka/producing/sequence.ts'

const maxSequence = 2 ** 31 - 1

describe('sequenceAfter', () => {
  it('goes on at 0 after the largest number', () => {
    expect(sequenceAfter(0, 5)).toBe(5)
    expect(sequenceAfter(maxSequence, 1)).toBe(0)
    expect(sequenceAfter(maxSequence - 2, 10)).toBe(7)
  })

  it('comes to the same number in one step and in many', () => {
    const records = fc.array(fc.integer({ min: 1, max: 1_000_000 }))
    fc.assert(
      fc.property(fc.integer({ min: 0, max: maxSequence }), records, (start, counts) => {
        const all = counts.reduce((sum, count) => sum + count, 0)
        const stepped = counts.reduce((sequence, count) => sequenceAfter(sequence, count), start)
        expect(stepped).toBe(sequenceAfter(start, all))
        expect(stepped).toBeLessThanOrEqual(maxSequence)
      }),
    )
  })
})
