import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, MalformedAnswer } from '../../../../src/logs/kafka/client/byte-reader.ts'
import { ByteWriter } from '../../../../src/logs/kafka/client/byte-writer.ts'

const text = fc.string({ unit: 'binary', maxLength: 300 })

describe('bytes of the protocol', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(
        fc.record({
          byte: fc.integer({ min: -128, max: 127 }),
          short: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
          int: fc.integer(),
          long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
          varint: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
          nullable: fc.option(text),
          list: fc.array(text),
        }),
        ({ byte, short, int, long, varint, nullable, list }) => {
          const writer = new ByteWriter(1)
          writer.int8(byte).int16(short).int32(int).int64(long).unsignedVarint(varint)
          writer.string(nullable).compactString(nullable).boolean(true).noTags()
          writer.array(list, (item) => writer.string(item))
          writer.compactArray(list, (item) => writer.compactString(item))
          const reader = new ByteReader(writer.bytes)
          expect([reader.int8(), reader.int16(), reader.int32(), reader.int64()]).toEqual([
            byte,
            short,
            int,
            long,
          ])
          expect(reader.unsignedVarint()).toBe(varint)
          const wellFormed = nullable?.toWellFormed() ?? null
          expect(reader.nullableString()).toBe(wellFormed)
          expect(reader.compactNullableString()).toBe(wellFormed)
          expect(reader.boolean()).toBe(true)
          reader.skipTags()
          const items = list.map((item) => item.toWellFormed())
          expect(reader.array(2, () => reader.string())).toEqual(items)
          expect(reader.compactArray(1, () => reader.compactString())).toEqual(items)
          expect(reader.left).toBe(0)
        },
      ),
    )
  })

  it('hold an absent array as one without elements', () => {
    const reader = new ByteReader(new ByteWriter().int32(-1).compactArray(null, () => {}).bytes)
    expect(reader.array(1, () => 1)).toEqual([])
    expect(reader.compactArray(1, () => 1)).toEqual([])
  })

  it('are malformed when a length or count does not fit into the rest', () => {
    const cases: readonly ((reader: ByteReader) => unknown)[] = [
      (reader) => reader.int32(),
      (reader) => reader.string(),
      (reader) => reader.bytes(),
      (reader) => reader.array(4, () => reader.int32()),
      (reader) => reader.uuid(),
    ]
    const bytes = [
      Buffer.from([0x7f, 0xff]),
      Buffer.from([0x80, 0, 0, 0, 1]),
      Buffer.from([0x7f, 0xff, 0xff, 0xff, 1, 2, 3]),
    ]
    expect(() => new ByteReader(Buffer.alloc(3)).int32()).toThrow(MalformedAnswer)
    for (const read of cases.slice(1)) {
      for (const wrong of bytes) {
        expect(() => read(new ByteReader(wrong))).toThrow(MalformedAnswer)
      }
    }
    const endless = Buffer.alloc(9, 0xff)
    expect(() => new ByteReader(endless).unsignedVarint()).toThrow(MalformedAnswer)
    expect(() => new ByteReader(endless).skipTags()).toThrow(MalformedAnswer)
    expect(() => new ByteReader(Buffer.from([0xff, 0xff, 0xff, 0x7f])).compactString()).toThrow(
      MalformedAnswer,
    )
  })

  it('that say a topic has no id say it with zeros', () => {
    expect(new ByteReader(Buffer.alloc(16)).uuid()).toBeNull()
    expect(new ByteReader(Buffer.alloc(16, 1)).uuid()).toBe('AQEBAQEBAQEBAQEBAQEBAQ')
  })
})
