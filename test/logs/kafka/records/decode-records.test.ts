import { describe, expect, it } from 'vitest'
import {
  decodeRecords,
  type DecodedRecords,
  type DecodeOptions,
} from '../../../../src/logs/kafka/records/decode-records.ts'
import { encodeRecords } from '../../../../src/logs/kafka/records/encode-records.ts'
import { batchOf } from '../../../conformance/batches.ts'
import { kafkaBatch, marker, seen, withChecksum, zigzag, type KafkaRecord } from './kafka-batch.ts'

function read(records: Uint8Array, options: Partial<DecodeOptions> = {}): DecodedRecords {
  return decodeRecords(
    { topic: 'orders', partition: 3, records, aborted: [] },
    { offset: 0n, isolation: 'read_committed', ...options },
  )
}

const values = (...texts: readonly string[]): KafkaRecord[] => texts.map((value) => ({ value }))
const corrupt = (message: RegExp) =>
  expect.objectContaining({
    code: 'CORRUPT_MESSAGE',
    kind: 'fatal',
    message: expect.stringMatching(message) as string,
  })

describe('decoding records', () => {
  it('takes records of other producers: their timestamp is when they came in', () => {
    const records = [
      { timestampDelta: 7n, key: 'k', value: 'v' },
      { timestampDelta: -1_001n, key: null, value: null },
      { timestampDelta: 2n ** 62n, value: '' },
    ]
    const { batch } = read(kafkaBatch({ records, baseTimestamp: 1_000n })).batches[0]!
    expect([batch.count, batch.writer]).toEqual([3, ''])
    expect([batch.keyText(0), batch.valueText(0)]).toEqual(['k', 'v'])
    expect([batch.key(1), batch.value(1)]).toEqual([null, null])
    expect([batch.key(2), batch.value(2)?.length]).toEqual([null, 0])
    // -1 says that there is none; and 146 million years from now is no time.
    expect([...batch.timestampMs]).toEqual([1_007, 0, 0])
    expect([...batch.ingestUs]).toEqual([1_007_000, 0, 0])
    expect([...batch.eventTimeMs]).toEqual([NaN, NaN, NaN])
    expect([...batch.waitUs, ...batch.runUs]).toEqual([0, 0, 0, 0, 0, 0])
    expect([0, 1, 2].map((index) => batch.isMarker(index))).toEqual([false, false, false])
  })

  it.each([0n, 1_767_225_600_123n, 8_640_000_000_000_000n])('keeps the timestamp %s', (time) => {
    const { batch } = read(kafkaBatch({ records: values('v'), baseTimestamp: time })).batches[0]!
    expect(batch.timestampMs[0]).toBe(Number(time))
    expect(batch.ingestUs[0]).toBeLessThan(2 ** 53)
  })

  it("takes the broker's time where the topic has LogAppendTime, and leaves our own times", () => {
    const batch = batchOf([{ value: 'a', timestampMs: 5_000, eventTimeMs: 4_000 }], 'w')
    const ours = Buffer.from(
      encodeRecords(
        batch,
        { from: 0, to: 1 },
        { codec: 'none', producer: null, transactional: false, timing: true },
      ),
    )
    ours.writeInt16BE(0x08, 21)
    ours.writeBigInt64BE(9_000n, 35)
    const foreign = kafkaBatch({
      records: values('v', 'w'),
      baseOffset: 1n,
      attributes: 0x08,
      maxTimestamp: 9_000n,
    })
    const [first, second] = read(Buffer.concat([withChecksum(ours), foreign])).batches
    expect([...first!.batch.timestampMs, ...second!.batch.timestampMs]).toEqual([
      9_000, 9_000, 9_000,
    ])
    expect([first!.batch.ingestUs[0], first!.batch.eventTimeMs[0]]).toEqual([
      batch.ingestUs[0],
      4_000,
    ])
    expect(second!.batch.ingestUs[0]).toBe(9_000_000)
  })

  it('leaves out a last batch that is cut off', () => {
    const whole = kafkaBatch({ records: values('a', 'b') })
    const cut = kafkaBatch({ records: values('c'), baseOffset: 2n })
    for (let size = 0; size < cut.length; size++) {
      const decoded = read(Buffer.concat([whole, cut.subarray(0, size)]))
      expect(decoded.batches).toHaveLength(1)
      expect(decoded.next).toBe(2n)
    }
    expect(read(whole.subarray(0, -1))).toMatchObject({ batches: [], next: 0n })
    expect(read(Buffer.alloc(0), { offset: 9n })).toMatchObject({ batches: [], next: 9n })
  })

  it('says where to begin in a batch that the position leads into', () => {
    const records = kafkaBatch({ records: values('a', 'b', 'c'), baseOffset: 10n })
    const { batches, next } = read(records, { offset: 11n })
    expect(batches).toMatchObject([{ baseOffset: 10n, from: 1, next: 13n }])
    expect(batches[0]!.batch.count).toBe(3)
    expect(seen(batches)).toEqual([
      [11n, 'b'],
      [12n, 'c'],
    ])
    expect(next).toBe(13n)
  })

  it('passes over batches that lie before the position', () => {
    const records = Buffer.concat([
      kafkaBatch({ records: values('a') }),
      kafkaBatch({ records: values('b'), baseOffset: 1n }),
    ])
    expect(seen(read(records, { offset: 1n }).batches)).toEqual([[1n, 'b']])
    expect(read(records, { offset: 5n })).toMatchObject({ batches: [], next: 5n })
  })

  it('keeps the gaps that compaction and transactions leave', () => {
    const records = Buffer.concat([
      kafkaBatch({
        records: [
          { offsetDelta: 3, value: 'a' },
          { offsetDelta: 70_000, value: 'b' },
        ],
        baseOffset: 2n ** 40n,
        lastOffsetDelta: 80_000,
      }),
      kafkaBatch({ records: [], baseOffset: 2n ** 40n + 90_000n, lastOffsetDelta: 9 }),
      marker('commit', { baseOffset: 2n ** 40n + 90_100n, producerId: 1n }),
    ])
    const all = read(records)
    expect(seen(all.batches)).toEqual([
      [2n ** 40n + 3n, 'a'],
      [2n ** 40n + 70_000n, 'b'],
    ])
    expect(all.batches[0]!.next).toBe(2n ** 40n + 80_001n)
    expect(all.next).toBe(2n ** 40n + 90_101n)
    const some = read(records, { offset: 2n ** 40n + 4n })
    expect(some.batches).toMatchObject([{ from: 1, baseOffset: 2n ** 40n }])
    // All that is left of the batch lies before: there is nothing to process, and no way to get stuck.
    const none = read(records, { offset: 2n ** 40n + 75_000n })
    expect(none).toMatchObject({ batches: [], next: 2n ** 40n + 90_101n })
  })

  it('has nothing but a further position where there are only markers', () => {
    const records = marker('commit', { baseOffset: 41n, producerId: 7n })
    expect(read(records, { offset: 41n })).toMatchObject({ batches: [], next: 42n })
  })

  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('reads %s', (codec) => {
    const texts = Array.from({ length: 1_000 }, (_, index) => `record ${index}`)
    const { batches } = read(kafkaBatch({ records: values(...texts), codec }))
    expect(seen(batches).map(([, text]) => text)).toEqual(texts)
  })

  it('names topic, partition and position of a batch that fails its checksum', () => {
    const good = kafkaBatch({ records: values('a', 'b') })
    const bad = kafkaBatch({ records: values('c'), baseOffset: 2n })
    bad[bad.length - 2]! ^= 1
    const records = Buffer.concat([good, bad])
    // What lies before it can be processed; then it is in the way.
    expect(seen(read(records).batches)).toHaveLength(2)
    expect(read(records).next).toBe(2n)
    expect(() => read(records, { offset: 2n })).toThrow(
      corrupt(/topic orders, partition 3, at offset 2: .*checksum is 0x[0-9a-f]{8}, but/),
    )
  })

  it.each([
    [0, 'before Kafka 0.11'],
    [1, 'before Kafka 0.11'],
    [3, '2 is known'],
  ])('refuses format %i with what to do', (format, message) => {
    const old = kafkaBatch({ records: values('a') })
    old[16] = format
    expect(() => read(old)).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED_FOR_MESSAGE_FORMAT',
        kind: 'config',
        message: expect.stringContaining(message) as string,
      }),
    )
  })

  it('refuses a compression that it does not know', () => {
    const batch = kafkaBatch({ records: values('a'), attributes: 6 })
    expect(() => read(batch)).toThrow(/compression is number 6.*UNSUPPORTED_COMPRESSION_TYPE/)
  })

  it('refuses offsets that go back, so that no broker can keep a reader in a circle', () => {
    const first = kafkaBatch({ records: values('a', 'b'), baseOffset: 5n })
    const again = kafkaBatch({ records: values('c'), baseOffset: 6n })
    const records = Buffer.concat([first, again])
    expect(read(records)).toMatchObject({ next: 7n })
    expect(() => read(records, { offset: 7n })).toThrow(corrupt(/offset 6 lies before 7/))
  })

  it.each([
    ['length', (batch: Buffer) => batch.writeInt32BE(-5, 8), /length is -5/],
    ['length', (batch: Buffer) => batch.writeInt32BE(20, 8), /only 32 bytes/],
    ['base offset', (batch: Buffer) => batch.writeBigInt64BE(-1n, 0), /offsets are -1/],
    ['base offset', (batch: Buffer) => batch.writeBigInt64BE(2n ** 63n - 1n, 0), /offsets are/],
    ['last delta', (batch: Buffer) => batch.writeInt32BE(-1, 23), /and -1 further/],
    ['record count', (batch: Buffer) => batch.writeInt32BE(-1, 57), /-1 records/],
    ['record count', (batch: Buffer) => batch.writeInt32BE(3, 57), /3 records at 2 offsets/],
    ['record count', (batch: Buffer) => batch.writeInt32BE(1, 57), /follow its last record/],
  ])('refuses a batch whose %s cannot be: %#', (_, damage, message) => {
    const batch = kafkaBatch({ records: values('a', 'b') })
    damage(batch)
    expect(() => read(withChecksum(batch))).toThrow(corrupt(message))
  })

  it('does not believe a record count that the bytes have no room for', () => {
    const batch = kafkaBatch({
      records: values('a'),
      recordCount: 2 ** 31 - 1,
      lastOffsetDelta: 2 ** 31 - 1,
    })
    expect(() => read(batch)).toThrow(corrupt(/2147483647 records in \d+ bytes/))
  })

  const body = (...parts: readonly (number | readonly number[])[]) => {
    const bytes = parts.flat()
    return Buffer.concat([zigzag(bytes.length), Buffer.from(bytes)])
  }
  it.each([
    [
      'a record is shorter than any',
      Buffer.from([0, 0, 0, 0, 0, 0, 0]),
      /record 0 has a length of 0/,
    ],
    ['a record ends behind the batch', Buffer.from([200, 1, 0, 0, 1, 1, 0]), /length of 100/],
    ['a record has a negative length', Buffer.from([3, 0, 0, 0, 0, 0, 0]), /length of -2/],
    ['a length is longer than a number', Buffer.alloc(9, 0xff), /more than 32 bits/],
    ['an offset delta is negative', body(0, 0, 1, 1, 1, 0), /offset delta of -1/],
    ['an offset delta lies behind the last', body(0, 0, 2, 1, 1, 0), /offset delta of 1/],
    ['a key ends behind its record', body(0, 0, 0, 20, 1, 0), /key or value of 10/],
    ['a value has the length -2', body(0, 0, 0, 1, 3, 0), /key or value of -2/],
    ['there are fewer headers than said', body(0, 0, 0, 1, 1, 2), /1 headers/],
    ['the count of headers is negative', body(0, 0, 0, 1, 1, 1), /-1 headers/],
    ['a header has no name', body(0, 0, 0, 1, 1, 2, 1, 0), /header name of -1/],
    ['a header ends behind its record', body(0, 0, 0, 1, 1, 2, 0, 40), /header of 20/],
    ['a record goes on behind its headers', body(0, 0, 0, 1, 1, 0, 0), /not as long as it says/],
  ])('refuses a batch where %s', (_, section, message) => {
    const batch = kafkaBatch({ records: [], section, recordCount: 1 })
    expect(() => read(batch)).toThrow(corrupt(message))
  })

  it('refuses offset deltas that do not rise', () => {
    const records = [
      { offsetDelta: 1, value: 'a' },
      { offsetDelta: 1, value: 'b' },
    ]
    const batch = kafkaBatch({ records, lastOffsetDelta: 2 })
    expect(() => read(batch)).toThrow(corrupt(/record 1 has an offset delta of 1/))
  })

  it('limits what a batch becomes in memory, not only its bytes', () => {
    const records = Array.from({ length: 10_000 }, () => ({}))
    const batch = kafkaBatch({ records, codec: 'zstd' })
    expect(batch.length).toBeLessThan(25_000)
    expect(() => read(batch, { maxBatchBytes: 200_000 })).toThrow(
      expect.objectContaining({ code: 'RECORD_LIST_TOO_LARGE', kind: 'fatal' }),
    )
    expect(read(batch, { maxBatchBytes: 1_000_000 }).next).toBe(10_000n)
  })

  it('survives a fetch full of bombs with bounded memory', () => {
    const bomb = kafkaBatch({ records: [{ value: Buffer.alloc(60 * 2 ** 20) }], codec: 'gzip' })
    const records = Buffer.concat(
      Array.from({ length: 100 }, (_, index) => {
        const each = Buffer.from(bomb)
        each.writeBigInt64BE(BigInt(index), 0)
        return each
      }),
    )
    expect(bomb.length).toBeLessThan(70_000)
    // Two such batches are read, and the rest is left for the next fetch.
    const { batches, next } = read(records)
    expect([batches.length, next]).toEqual([2, 2n])
    expect(() => read(records, { maxBatchBytes: 2 ** 20 })).toThrow(
      expect.objectContaining({ code: 'RECORD_LIST_TOO_LARGE' }),
    )
  })

  it('keeps nothing of the fetched bytes', () => {
    const records = kafkaBatch({ records: [{ key: 'key', value: 'value' }] })
    const { batches } = read(records)
    records.fill(0)
    expect([batches[0]!.batch.keyText(0), batches[0]!.batch.valueText(0)]).toEqual(['key', 'value'])
  })
})
