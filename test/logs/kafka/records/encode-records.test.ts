import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codecs } from '../../../../src/logs/kafka/records/codec.ts'
import { crc32cByTable } from '../../../../src/logs/kafka/records/crc32c-table.ts'
import { decodeRecords } from '../../../../src/logs/kafka/records/decode-records.ts'
import {
  encodeRecords,
  stampProducer,
  type EncodeOptions,
} from '../../../../src/logs/kafka/records/encode-records.ts'
import { batchOf } from '../../../conformance/batches.ts'
import { kafkaBatch, zigzag } from './kafka-batch.ts'
import { batchFrom, bytesOf, recordArbitrary } from './record-arbitraries.ts'

const plain: EncodeOptions = { codec: 'none', producer: null, transactional: false, timing: true }
const fetched = (records: Uint8Array) => ({ topic: 'orders', partition: 3, records, aborted: [] })
const someRecord = {
  key: null,
  value: 'v',
  headers: [],
  times: { timestampMs: 1, eventTimeMs: Number.NaN, ingestUs: 0, waitUs: 0, runUs: 0 },
  marker: false,
}
const fromStart = { offset: 0n, isolation: 'read_committed' } as const

describe('encoding records', () => {
  it('gives back all bytes and times after decoding, with every codec', () => {
    fc.assert(
      fc.property(
        fc.array(recordArbitrary, { minLength: 1, maxLength: 30 }),
        fc.constantFrom(...codecs),
        fc.constantFrom('', 'orders.clean/3', 'ü/1'),
        (records, codec, writer) => {
          const batch = batchFrom(records, writer)
          const encoded = encodeRecords(batch, { from: 0, to: batch.count }, { ...plain, codec })
          const { batches, next } = decodeRecords(fetched(encoded), fromStart)
          expect(next).toBe(BigInt(records.length))
          expect(batches).toMatchObject([{ baseOffset: 0n, from: 0, next }])
          const decoded = batches[0]!.batch
          expect([decoded.count, decoded.writer]).toEqual([records.length, writer])
          for (const [index, { times, marker }] of records.entries()) {
            expect(bytesOf(decoded, index)).toEqual(bytesOf(batch, index))
            expect(decoded.isMarker(index)).toBe(marker)
            expect(decoded.offsetDelta[index]).toBe(index)
            expect(decoded.timestampMs[index]).toBe(times.timestampMs)
            expect(decoded.eventTimeMs[index]! + 0).toBe(times.eventTimeMs + 0)
            expect(decoded.ingestUs[index]).toBe(Math.round(times.ingestUs))
          }
        },
      ),
    )
  })

  it('rounds the ends of spans, so that no error adds up over many stages', () => {
    const times = { ingestUs: 1_767_225_600_000_000.25, waitUs: 0.5, runUs: 0.25 }
    for (let stage = 0; stage < 100; stage++) {
      times.waitUs += 1.25
      times.runUs += 0.25
      const exact = times.ingestUs + times.waitUs + times.runUs
      const batch = batchFrom([{ ...someRecord, times: { ...someRecord.times, ...times } }], 'w')
      const encoded = encodeRecords(batch, { from: 0, to: 1 }, plain)
      const read = decodeRecords(fetched(encoded), fromStart).batches[0]!.batch
      times.ingestUs = read.ingestUs[0]!
      times.waitUs = read.waitUs[0]!
      times.runUs = read.runUs[0]!
      const sum = times.ingestUs + times.waitUs + times.runUs
      expect(Math.abs(sum - exact)).toBeLessThanOrEqual(0.5)
    }
  })

  it('takes a part of a batch', () => {
    const batch = batchOf(['a', 'b', 'c', 'd', 'e'].map((value) => ({ key: value, value })))
    const encoded = encodeRecords(batch, { from: 1, to: 4 }, plain)
    const { batches, next } = decodeRecords(fetched(encoded), fromStart)
    const part = batches[0]!.batch
    expect(next).toBe(3n)
    expect([0, 1, 2].map((index) => part.valueText(index))).toEqual(['b', 'c', 'd'])
    expect([...part.offsetDelta]).toEqual([0, 1, 2])
    expect(() => encodeRecords(batch, { from: 4, to: 4 }, plain)).toThrow(/INVARIANT|range/)
  })

  it('writes what other code writes, without the timing header', () => {
    const batch = batchOf([
      { key: 'k', value: 'v', timestampMs: 5_000, headers: [['h', Buffer.from('1')]] },
      { key: null, value: null, timestampMs: 4_000 },
      { key: '', value: '', timestampMs: 5_000.9 },
    ])
    const expected = kafkaBatch({
      baseTimestamp: 5_000n,
      records: [
        { key: 'k', value: 'v', headers: [['h', '1']] },
        { timestampDelta: -1_000n },
        { key: '', value: '' },
      ],
    })
    expected.writeInt32BE(-1, 12)
    const encoded = encodeRecords(batch, { from: 0, to: 3 }, { ...plain, timing: false })
    expect(Buffer.from(encoded).toString('hex')).toBe(expected.toString('hex'))
  })

  it('writes no timestamp where none is known', () => {
    const batch = batchOf([
      { value: 'v', timestampMs: 0 },
      { value: 'v', timestampMs: NaN },
    ])
    const encoded = Buffer.from(encodeRecords(batch, { from: 0, to: 2 }, plain))
    expect([encoded.readBigInt64BE(27), encoded.readBigInt64BE(35)]).toEqual([-1n, -1n])
    const { batch: decoded } = decodeRecords(fetched(encoded), fromStart).batches[0]!
    expect([...decoded.timestampMs]).toEqual([0, 0])
  })

  it('puts the timing header before the others', () => {
    const batch = batchOf([{ value: 'v', headers: [['h', Buffer.from('1')]] }], 'w')
    const encoded = Buffer.from(encodeRecords(batch, { from: 0, to: 1 }, plain))
    const timing = encoded.indexOf('millrace-timing')
    expect(encoded[timing - 1]).toBe(zigzag(15)[0])
    expect(timing).toBeLessThan(encoded.lastIndexOf('h'))
  })

  it('says who wrote it, at once or later', () => {
    const batch = batchOf([{ value: 'v' }, { value: 'w' }])
    const producer = { producerId: 2n ** 62n, epoch: 12, sequence: 2 ** 31 - 1 }
    const options = { ...plain, codec: 'zstd', transactional: true } as const
    const late = encodeRecords(batch, { from: 0, to: 2 }, options)
    stampProducer(late, producer)
    const encoded = Buffer.from(encodeRecords(batch, { from: 0, to: 2 }, { ...options, producer }))
    expect(Buffer.compare(encoded, late)).toBe(0)
    expect(encoded.readInt16BE(21)).toBe(0x14)
    expect(encoded.readBigInt64BE(43)).toBe(producer.producerId)
    expect(encoded.readInt16BE(51)).toBe(12)
    expect(encoded.readInt32BE(53)).toBe(2 ** 31 - 1)
    expect(encoded.readUInt32BE(17)).toBe(crc32cByTable(encoded.subarray(21)))
    expect(encoded.readInt32BE(8)).toBe(encoded.length - 12)
  })

  it('keeps markers only with the timing header', () => {
    const batch = batchOf([{ value: '{}', marker: true }])
    const encode = (timing: boolean) =>
      encodeRecords(batch, { from: 0, to: 1 }, { ...plain, timing })
    expect(decodeRecords(fetched(encode(true)), fromStart).batches[0]!.batch.isMarker(0)).toBe(true)
    expect(() => encode(false)).toThrow(/marker/)
  })

  it('copes with records that are quite unlike the first one', () => {
    const many = Array.from({ length: 5_000 }, () => ['', Buffer.alloc(0)] as const)
    const records = [
      { value: 'v', headers: many },
      { value: 'x'.repeat(100_000), timestampMs: 8.64e15, eventTimeMs: 0.5 },
      { value: 'v' },
    ]
    for (const order of [records, records.toReversed()]) {
      const batch = batchOf(order, 'w'.repeat(255))
      const encoded = encodeRecords(batch, { from: 0, to: 3 }, plain)
      const { batch: decoded } = decodeRecords(fetched(encoded), fromStart).batches[0]!
      for (let index = 0; index < 3; index++)
        expect(bytesOf(decoded, index)).toEqual(bytesOf(batch, index))
    }
  })
})
