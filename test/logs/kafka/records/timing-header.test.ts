import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RecordBatch } from '../../../../src/core/record-batch.ts'
import {
  decodeRecords,
  type DecodedBatch,
} from '../../../../src/logs/kafka/records/decode-records.ts'
import { encodeRecords } from '../../../../src/logs/kafka/records/encode-records.ts'
import { batchOf } from '../../../conformance/batches.ts'
import { kafkaBatch, seen, type KafkaRecord } from './kafka-batch.ts'

const fromStart = { offset: 0n, isolation: 'read_committed' } as const

function read(records: readonly KafkaRecord[]): readonly DecodedBatch[] {
  return readBytes(kafkaBatch({ records, baseTimestamp: 7_000n }))
}

function readBytes(records: Uint8Array): readonly DecodedBatch[] {
  return decodeRecords({ topic: 'orders', partition: 3, records, aborted: [] }, fromStart).batches
}

/** The header's value as it is written for a record, by whoever. */
function valueFor(batch: RecordBatch): Buffer {
  const options = { codec: 'none', producer: null, transactional: false, timing: true } as const
  const encoded = Buffer.from(encodeRecords(batch, { from: 0, to: 1 }, options))
  const name = encoded.indexOf('millrace-timing')
  const size = encoded[name + 15]! / 2
  return encoded.subarray(name + 16, name + 16 + size)
}

const timingOf = (writer: string): Buffer =>
  valueFor(batchOf([{ value: '', eventTimeMs: 1_234 }], writer))

function ours(value: Uint8Array | null, text = 'v'): KafkaRecord {
  return { value: text, headers: [['millrace-timing', value]] }
}

describe('the timing header', () => {
  it('is as documented, byte for byte', () => {
    const batch = batchOf([{ value: '', eventTimeMs: 1, marker: true }], 'a.b/3')
    // Version 1, marker, whole event time; ingest 0 µs; 1 ms; waited 2 µs, ran 3 µs; the writer.
    expect(valueFor(batch).toString('hex')).toBe(
      `31${'00'.repeat(7)}020406${Buffer.from('a.b/3').toString('hex')}`,
    )
    const exact = batchOf([{ value: '', eventTimeMs: 0.5 }], '')
    expect(valueFor(exact).toString('hex')).toBe(`41${'00'.repeat(7)}000000000000e03f0406`)
    expect(valueFor(batchOf([{ value: '' }], '')).toString('hex')).toBe(`01${'00'.repeat(7)}0406`)
  })

  it('is small for times of today', () => {
    const batch = batchOf([{ value: '' }], 'orders.clean/3')
    batch.ingestUs[0] = 1_767_225_600_123_456.25
    batch.eventTimeMs[0] = 1_767_225_598_000
    batch.waitUs[0] = 850.25
    batch.runUs[0] = 12.5
    expect(valueFor(batch).length - batch.writer.length).toBeLessThanOrEqual(14)
  })

  it.each([
    ['nothing', null],
    ['no bytes', Buffer.alloc(0)],
    ['another version', Buffer.concat([Buffer.from([0x22]), timingOf('w').subarray(1)])],
    ['a bit that is not known', Buffer.concat([Buffer.from([0xa1]), timingOf('w').subarray(1)])],
    [
      'a kind of event time that is not known',
      Buffer.concat([Buffer.from([0x61]), timingOf('w').subarray(1)]),
    ],
    ['an ingest time beyond all', Buffer.concat([Buffer.from([1]), Buffer.alloc(9, 0xff)])],
    [
      'a number that does not end',
      Buffer.concat([Buffer.from([1]), Buffer.alloc(7), Buffer.alloc(20, 0xff)]),
    ],
    ['an exact event time that is cut', Buffer.concat([Buffer.from([0x41]), Buffer.alloc(7 + 6)])],
    ['a writer that is too long', Buffer.concat([timingOf(''), Buffer.alloc(256, 'w')])],
    ['text', Buffer.from('2026-01-01T00:00:00Z')],
  ])('is passed over when it holds %s, and the record is like one from outside', (_, value) => {
    const [decoded] = read([ours(value)])
    const { batch } = decoded!
    expect([batch.writer, batch.valueText(0), batch.isMarker(0)]).toEqual(['', 'v', false])
    expect([batch.ingestUs[0], batch.eventTimeMs[0]]).toEqual([7_000_000, NaN])
    expect([batch.waitUs[0], batch.runUs[0]]).toEqual([0, 0])
    expect(batch.headers(0)).toEqual([])
  })

  it('fails no record, whatever its bytes are', () => {
    const good = timingOf('orders.clean/3')
    const damaged = fc
      .tuple(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length))
      .map(([at, byte, size]) => {
        const bytes = Buffer.from(good)
        bytes[at] = byte
        return bytes.subarray(0, size)
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), damaged), (value) => {
        const batches = read([ours(value, 'a'), ours(value, 'b')])
        expect(seen(batches).map(([, text]) => text)).toEqual(['a', 'b'])
        const { batch } = batches[0]!
        for (const times of [batch.ingestUs, batch.waitUs, batch.runUs])
          expect(Number.isFinite(times[0])).toBe(true)
      }),
      { numRuns: 5_000 },
    )
  })

  it('counts where it stands first; others of its name are dropped', () => {
    const [decoded] = read([
      {
        value: 'v',
        headers: [
          ['a', '1'],
          ['millrace-timing', 'not one'],
          ['millrace-timing', timingOf('first')],
          ['millrace-timing', timingOf('second')],
          ['b', '2'],
        ],
      },
    ])
    expect(decoded!.batch.writer).toBe('first')
    expect(decoded!.batch.headers(0).map(([name]) => name)).toEqual(['a', 'b'])
  })

  it('is known by its exact name', () => {
    const [decoded] = read([
      {
        value: 'v',
        headers: [
          ['millrace-timinG', timingOf('w')],
          ['millrace-timing2', ''],
        ],
      },
    ])
    expect(decoded!.batch.writer).toBe('')
    expect(decoded!.batch.headers(0)).toHaveLength(2)
  })
})

describe('records of several writers in one Kafka batch', () => {
  it('become a batch for each, with the offsets that they have', () => {
    const records = ['a', 'a', 'b', '', 'a'].map((writer, index) => ({
      ...ours(timingOf(writer), `${index}`),
      offsetDelta: 2 * index,
      key: writer,
    }))
    const bytes = kafkaBatch({ records, baseOffset: 100n, lastOffsetDelta: 20 })
    const decode = (offset: bigint) =>
      decodeRecords(
        { topic: 'orders', partition: 3, records: bytes, aborted: [] },
        { ...fromStart, offset },
      )
    const { batches, next } = decode(100n)
    expect(
      batches.map(({ baseOffset, next: after, from, batch }) => [
        batch.writer,
        baseOffset,
        after,
        from,
        batch.count,
      ]),
    ).toEqual([
      ['a', 100n, 103n, 0, 2],
      ['b', 104n, 105n, 0, 1],
      ['', 106n, 107n, 0, 1],
      ['a', 108n, 121n, 0, 1],
    ])
    expect(seen(batches)).toEqual([
      [100n, '0'],
      [102n, '1'],
      [104n, '2'],
      [106n, '3'],
      [108n, '4'],
    ])
    expect(batches.map(({ batch }) => batch.keyText(0))).toEqual(['a', 'b', '', 'a'])
    expect(next).toBe(121n)
    expect(seen(decode(102n).batches)).toHaveLength(4)
    expect(decode(102n).batches[0]).toMatchObject({ from: 1, baseOffset: 100n })
    expect(decode(105n).batches[0]).toMatchObject({ from: 0, baseOffset: 106n })
  })

  it('are records of nobody from the thousandth change of the writer on', () => {
    const [even, odd] = [timingOf('even'), timingOf('odd')]
    const records = Array.from({ length: 5_000 }, (_, index) =>
      ours(index % 2 === 0 ? even : odd, `${index}`),
    )
    const batches = read(records)
    expect(batches).toHaveLength(1_000)
    expect(batches.slice(-2).map(({ batch }) => [batch.writer, batch.count])).toEqual([
      ['even', 1],
      ['', 4_001],
    ])
    expect(seen(batches).map(([, text]) => text)).toEqual(records.map(({ value }) => value))
    expect(batches.at(-1)!.batch.eventTimeMs[5]).toBe(1_234)
  })
})
