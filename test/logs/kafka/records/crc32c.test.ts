import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32cByTable } from '../../../../src/logs/kafka/records/crc32c-table.ts'
import { crc32c } from '../../../../src/logs/kafka/records/crc32c.ts'

describe('CRC-32C', () => {
  it.each([
    // The check value of the catalogue, and those of RFC 3720, B.4.
    [Buffer.from('123456789'), 0xe3069283],
    [Buffer.alloc(32), 0x8a9136aa],
    [Buffer.alloc(32, 0xff), 0x62a8ab43],
    [Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
    [Buffer.alloc(0), 0],
  ])('has its known values: %#', (bytes, expected) => {
    expect(crc32cByTable(bytes)).toBe(expected)
    expect(crc32c(bytes)).toBe(expected)
  })

  it('is the same with and without native code, wherever the bytes lie', () => {
    expect(crc32c).not.toBe(crc32cByTable)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(9), (bytes, shift) => {
        const moved = new Uint8Array(bytes.length + shift)
        moved.set(bytes, shift)
        expect(crc32c(moved.subarray(shift))).toBe(crc32cByTable(bytes))
        expect(crc32cByTable(moved.subarray(shift))).toBe(crc32cByTable(bytes))
      }),
    )
  })
})
