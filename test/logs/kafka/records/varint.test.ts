import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VarintReader } from '../../../../src/logs/kafka/records/varint-reader.ts'
import { VarintWriter } from '../../../../src/logs/kafka/records/varint-writer.ts'
import { varintBytes, varlongBytes } from '../../../../src/logs/kafka/records/varint.ts'
import { zigzag } from './kafka-batch.ts'

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const whole = fc.oneof(int32, fc.maxSafeInteger(), fc.constantFrom(2 ** 53, -(2 ** 53)))

function written(write: (to: VarintWriter) => void): Buffer {
  const to = new VarintWriter(16)
  write(to)
  return to.bytes.subarray(0, to.at)
}

describe('varints', () => {
  it('are the zigzag varints of Kafka, and come back', () => {
    fc.assert(
      fc.property(int32, (value) => {
        const bytes = written((to) => to.varint(value))
        expect(bytes).toEqual(zigzag(value))
        expect(varintBytes(value)).toBe(bytes.length)
        const reader = new VarintReader(bytes)
        expect(reader.varint()).toBe(value)
        expect(reader.at).toBe(bytes.length)
      }),
    )
  })

  it('are exact for whole numbers up to 2^53', () => {
    fc.assert(
      fc.property(whole, (value) => {
        const bytes = written((to) => to.varlong(value))
        expect(bytes).toEqual(zigzag(value))
        expect(varlongBytes(value)).toBe(bytes.length)
        expect(new VarintReader(bytes).varlong()).toBe(value)
      }),
    )
  })

  it('are read as 64 bits wide, near the number where it is not exact', () => {
    for (const value of [2n ** 63n - 1n, -(2n ** 63n)])
      expect(new VarintReader(zigzag(value)).varlong()).toBe(Number(value))
  })

  it.each([
    ['ends within', [0x80]],
    ['ends within', []],
    ['more than 32 bits', [0x80, 0x80, 0x80, 0x80, 0x10]],
    ['more than 32 bits', [0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
  ])('of 32 bits are refused: %s, %j', (message, bytes) => {
    expect(() => new VarintReader(Uint8Array.from(bytes)).varint()).toThrow(message)
  })

  it.each([
    ['ends within', [0xff, 0xff]],
    ['more than 64 bits', [...Array.from({ length: 9 }, () => 0xff), 0x02]],
    ['more than 64 bits', Array.from({ length: 11 }, () => 0x80)],
  ])('of 64 bits are refused: %s, %j', (message, bytes) => {
    expect(() => new VarintReader(Uint8Array.from(bytes)).varlong()).toThrow(message)
  })

  it('are written into bytes that grow when told to', () => {
    const to = new VarintWriter(1)
    for (let value = 0; value < 1_000; value++) {
      to.reserve(5)
      to.varint(value * 1_000)
    }
    const reader = new VarintReader(to.bytes)
    for (let value = 0; value < 1_000; value++) expect(reader.varint()).toBe(value * 1_000)
  })
})
