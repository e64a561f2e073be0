import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeRecords } from '../../../../src/logs/kafka/records/encode-records.ts'
import { splitRecords } from '../../../../src/logs/kafka/records/split-records.ts'
import { batchOf } from '../../../conformance/batches.ts'
import { batchFrom, recordArbitrary } from './record-arbitraries.ts'

const plain = { codec: 'none', producer: null, transactional: false } as const

describe('splitting records', () => {
  it('makes ranges that fit, as large as they can be, of all records but those too large alone', () => {
    fc.assert(
      fc.property(
        fc.array(recordArbitrary, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 62, max: 20_000 }),
        (records, maxBytes) => {
          const batch = batchFrom(records, 'orders.clean/3')
          const { ranges, tooLarge } = splitRecords(batch, { maxBytes, timing: true })
          const sizeOf = (from: number, to: number) =>
            encodeRecords(batch, { from, to }, { ...plain, timing: true }).length
          const covered = [
            ...ranges.flatMap(({ from, to }) =>
              Array.from({ length: to - from }, (_, index) => from + index),
            ),
            ...tooLarge.map(({ index }) => index),
          ]
          expect(covered.toSorted((a, b) => a - b)).toEqual(records.map((_, index) => index))
          for (const { index, sizeBytes } of tooLarge) {
            expect(sizeOf(index, index + 1)).toBe(sizeBytes)
            expect(sizeBytes).toBeGreaterThan(maxBytes)
          }
          for (const { from, to } of ranges) {
            expect(sizeOf(from, to)).toBeLessThanOrEqual(maxBytes)
            if (to < batch.count && !tooLarge.some(({ index }) => index === to))
              expect(sizeOf(from, to + 1)).toBeGreaterThan(maxBytes)
          }
        },
      ),
    )
  })

  it('leaves a batch whole that fits', () => {
    const batch = batchOf(Array.from({ length: 500 }, () => ({ value: 'x'.repeat(230) })))
    const split = splitRecords(batch, { maxBytes: 1_048_588, timing: true })
    expect(split).toEqual({ ranges: [{ from: 0, to: 500 }], tooLarge: [] })
  })

  it('names a record that is too large, and goes on behind it', () => {
    const sizes = [10, 5_000, 10, 10, 5_000]
    const batch = batchOf(sizes.map((size) => ({ value: 'x'.repeat(size) })))
    const { ranges, tooLarge } = splitRecords(batch, { maxBytes: 1_000, timing: false })
    expect(ranges).toEqual([
      { from: 0, to: 1 },
      { from: 2, to: 4 },
    ])
    expect(tooLarge.map(({ index }) => index)).toEqual([1, 4])
  })
})
