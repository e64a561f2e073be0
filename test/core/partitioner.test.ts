import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { murmur2, partitionOf } from '../../src/core/partitioner.ts'

/** From UtilsTest.testMurmur2 of Apache Kafka. */
const known: readonly (readonly [string, number])[] = [
  ['21', -973_932_308],
  ['foobar', -790_332_482],
  ['a-little-bit-long-string', -985_981_536],
  ['a-little-bit-longer-string', -1_486_304_829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
  ['abc', 479_470_107],
]

describe('partitioner', () => {
  it.each(known)('hashes %s as the Java client does', (text, expected) => {
    expect(murmur2(Buffer.from(text))).toBe(expected)
  })

  it('takes the positive hash modulo the partitions, as the Java client does', () => {
    for (const [text, hashed] of known) {
      expect(partitionOf(text, 7)).toBe((hashed & 0x7fff_ffff) % 7)
    }
  })

  it('gives text and its bytes the same partition, one of those that there are', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.integer({ min: 1, max: 64 }),
        (text, partitions) => {
          const partition = partitionOf(text, partitions)
          expect(partitionOf(Buffer.from(text), partitions)).toBe(partition)
          expect(partition).toBeGreaterThanOrEqual(0)
          expect(partition).toBeLessThan(partitions)
        },
      ),
    )
  })

  it('does not depend on where in memory the bytes lie', () => {
    const whole = Buffer.from('xxfoobar')
    expect(murmur2(whole.subarray(2))).toBe(murmur2(Buffer.from('foobar')))
    expect(murmur2(new Uint8Array(0))).toBe(murmur2(Buffer.from('')))
  })
})
