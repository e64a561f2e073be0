import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import {
  encodeHeaders,
  nullHeaderValue,
  RecordBatch,
  type Header,
} from '../../src/core/record-batch.ts'

const bytes = fc.uint8Array({ maxLength: 80 })
const header = fc.tuple(fc.constantFrom('a', '__proto__', '', 'ü', 'toString'), bytes)
const time = fc.oneof(fc.double({ noNaN: false }), fc.constant(1_767_225_600_000))
const record = fc.record({
  key: fc.oneof(fc.constant(null), bytes, fc.string()),
  value: fc.oneof(fc.constant(null), bytes, fc.string({ unit: 'grapheme' })),
  headers: fc.array(header, { maxLength: 3 }),
  times: fc.record({
    timestampMs: time,
    eventTimeMs: time,
    ingestUs: time,
    waitUs: time,
    runUs: time,
  }),
  marker: fc.boolean(),
})

function bytesOf(part: Uint8Array | string | null): number[] | null {
  return part === null ? null : [...Buffer.from(part)]
}

function plain(headers: readonly Header[]): [string, number[]][] {
  return headers.map(([name, value]) => [name, [...value]])
}

describe('a record batch', () => {
  it('gives back byte for byte what was appended, also from a copy of its bytes at an odd place', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 40 }),
        fc.nat(9),
        (records, shift) => {
          const builder = new RecordBatchBuilder('orders.clean/3')
          // A builder that was used before has nothing left of it.
          builder.append({ ...records[0]!, headers: encodeHeaders([]) })
          builder.finish()
          for (const each of records)
            builder.append({ ...each, headers: encodeHeaders(each.headers) })
          const stored = builder.finish().bytes
          const moved = new Uint8Array(stored.length + shift)
          moved.set(stored, shift)
          const batch = new RecordBatch(moved.subarray(shift))
          expect(batch.writer).toBe('orders.clean/3')
          expect(batch.count).toBe(records.length)
          for (const [index, { key, value, headers, times, marker }] of records.entries()) {
            expect(bytesOf(batch.key(index))).toEqual(bytesOf(key))
            expect(bytesOf(batch.value(index))).toEqual(bytesOf(value))
            expect(plain(batch.headers(index))).toEqual(plain(headers))
            expect(batch.isMarker(index)).toBe(marker)
            expect(batch.offsetDelta[index]).toBe(index)
            expect(batch.timestampMs[index]).toBe(times.timestampMs)
            expect(batch.eventTimeMs[index]).toBe(times.eventTimeMs)
            expect([batch.ingestUs[index], batch.waitUs[index], batch.runUs[index]]).toEqual([
              times.ingestUs,
              times.waitUs,
              times.runUs,
            ])
          }
        },
      ),
    )
  })

  it('stores a column of equal numbers as one', () => {
    const size = (waitUs: (index: number) => number) => {
      const builder = new RecordBatchBuilder('')
      const times = { timestampMs: 1, eventTimeMs: Number.NaN, ingestUs: 2, runUs: 3 }
      for (let index = 0; index < 1_000; index++) {
        builder.append({
          key: null,
          value: '',
          headers: encodeHeaders([]),
          times: { ...times, waitUs: waitUs(index) },
        })
      }
      return builder.finish().bytes.length
    }
    expect(size(() => 7)).toBeLessThan(200)
    expect(size((index) => index)).toBeGreaterThan(8_000)
  })

  it('is refused when its bytes are cut, longer, or no batch', () => {
    const builder = new RecordBatchBuilder('w')
    const times = { timestampMs: 1, eventTimeMs: 2, ingestUs: 3, waitUs: 4, runUs: 5 }
    for (const value of ['one', 'two'])
      builder.append({ key: value, value, headers: encodeHeaders([]), times })
    const stored = builder.finish().bytes
    for (const damaged of [
      stored.subarray(0, 10),
      stored.subarray(0, -1),
      Buffer.concat([stored, Buffer.alloc(8)]),
      Buffer.alloc(64),
    ]) {
      expect(() => new RecordBatch(damaged)).toThrow(
        expect.objectContaining({ code: 'LOG_CORRUPT' }),
      )
    }
  })

  it('keeps headers without a value, and more of them than their count can say', () => {
    const headers: Header[] = [
      ['a', nullHeaderValue],
      ['b', Buffer.alloc(0)],
      ...Array.from({ length: 70_000 }, (): Header => ['c', Buffer.from('1')]),
    ]
    const times = { timestampMs: 1, eventTimeMs: 2, ingestUs: 3, waitUs: 4, runUs: 5 }
    const builder = new RecordBatchBuilder('')
    builder.append({ key: 'k', value: 'v', headers: encodeHeaders(headers), times })
    const read = builder.finish().headers(0)
    expect(read.map(([name]) => name)).toEqual(headers.map(([name]) => name))
    expect([read[0]![1] === nullHeaderValue, read[1]![1] === nullHeaderValue]).toEqual([
      true,
      false,
    ])
    expect(Buffer.compare(encodeHeaders(read), encodeHeaders(headers))).toBe(0)
  })

  it('tells whether all of it is ASCII', () => {
    const isAscii = (value: string) => {
      const builder = new RecordBatchBuilder('')
      const times = { timestampMs: 1, eventTimeMs: 2, ingestUs: 3, waitUs: 4, runUs: 5 }
      builder.append({ key: 'k', value, headers: encodeHeaders([]), times })
      return builder.finish().isAscii
    }
    expect([isAscii('plain'), isAscii('ü')]).toEqual([true, false])
  })
})
