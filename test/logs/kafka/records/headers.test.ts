import { describe, expect, it } from 'vitest'
import {
  nullHeaderValue,
  type Header,
  type RecordBatch,
} from '../../../../src/core/record-batch.ts'
import { decodeRecords } from '../../../../src/logs/kafka/records/decode-records.ts'
import { encodeRecords } from '../../../../src/logs/kafka/records/encode-records.ts'
import { batchOf } from '../../../conformance/batches.ts'
import { kafkaBatch, type KafkaRecord } from './kafka-batch.ts'

const plain = { codec: 'none', producer: null, transactional: false, timing: false } as const

function decode(records: Uint8Array): RecordBatch {
  const fetched = { topic: 'orders', partition: 3, records, aborted: [] }
  return decodeRecords(fetched, { offset: 0n, isolation: 'read_committed' }).batches[0]!.batch
}

/** Read, written again, and the bytes of the records are the same. */
function expectSame(record: KafkaRecord): RecordBatch {
  const bytes = kafkaBatch({ records: [record] })
  const batch = decode(bytes)
  const again = Buffer.from(encodeRecords(batch, { from: 0, to: 1 }, plain))
  expect(again.subarray(61).equals(bytes.subarray(61))).toBe(true)
  return batch
}

describe('headers', () => {
  it('pass byte for byte, in order: duplicates, null, empty, names of prototypes, no UTF-8', () => {
    const batch = expectSame({
      value: 'v',
      headers: [
        ['a', '1'],
        ['__proto__', 'x'],
        ['constructor', 'y'],
        ['a', null],
        ['', ''],
        [Buffer.from([0xff, 0xfe]), Buffer.from([0, 0xff])],
        ['toString', null],
        ['a', '1'],
      ],
    })
    const headers = batch.headers(0)
    expect(
      headers.slice(0, 5).map(([name, value]) => [name, Buffer.from(value).toString()]),
    ).toEqual([
      ['a', '1'],
      ['__proto__', 'x'],
      ['constructor', 'y'],
      ['a', ''],
      ['', ''],
    ])
    expect(headers[3]![1]).toBe(nullHeaderValue)
    expect(headers[4]![1]).not.toBe(nullHeaderValue)
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })

  it('that were read and written one by one are null where they were', () => {
    const batch = decode(
      kafkaBatch({
        records: [
          {
            value: 'v',
            headers: [
              ['a', null],
              ['b', ''],
            ],
          },
        ],
      }),
    )
    const copied = batchOf([
      { value: 'v', headers: [...batch.headers(0), ['c', Buffer.from('1')]] },
    ])
    const again = decode(encodeRecords(copied, { from: 0, to: 1 }, plain))
    expect(again.headers(0).map(([name, value]) => [name, value === nullHeaderValue])).toEqual([
      ['a', true],
      ['b', false],
      ['c', false],
    ])
  })

  it.each([50_000, 65_534, 65_535, 65_536, 200_000])('can be %i in one record', (count) => {
    const headers = Array.from({ length: count }, (_, index) => [`h${index}`, '1'] as const)
    const batch = expectSame({ value: 'v', headers })
    expect(batch.headers(0)).toHaveLength(count)
    expect(batch.headers(0).at(-1)![0]).toBe(`h${count - 1}`)
    // One more, as a dead letter gets them.
    const more: Header[] = [...batch.headers(0), ['more', Buffer.from('1')]]
    const grown = batchOf([{ value: 'v', headers: more }])
    expect(grown.headers(0)).toHaveLength(count + 1)
    expect(decode(encodeRecords(grown, { from: 0, to: 1 }, plain)).headers(0)).toHaveLength(
      count + 1,
    )
  })

  it('take time in proportion to their number', () => {
    const time = (count: number) => {
      const headers = Array.from({ length: count }, (_, index) => [`h${index}`, null] as const)
      const bytes = kafkaBatch({ records: [{ value: 'v', headers }] })
      const times = Array.from({ length: 5 }, () => {
        const start = process.hrtime.bigint()
        const batch = decode(bytes)
        batch.headers(0)
        encodeRecords(batch, { from: 0, to: 1 }, plain)
        return Number(process.hrtime.bigint() - start) / 1e6
      })
      return Math.min(...times)
    }
    time(10_000)
    expect(time(50_000)).toBeLessThan(100)
  })

  it('of nothing take more room in memory than on the wire, which is found', () => {
    const headers = Array.from({ length: 3_000 }, () => ['', null] as const)
    const records = Array.from({ length: 20 }, (_, index) => ({ value: `v${index}`, headers }))
    const batch = decode(kafkaBatch({ records }))
    expect(batch.count).toBe(20)
    for (let index = 0; index < 20; index++) {
      expect(batch.valueText(index)).toBe(`v${index}`)
      expect(batch.headers(index)).toHaveLength(3_000)
    }
  })

  it('have names that are cut behind 16,383 bytes', () => {
    const long = 'n'.repeat(16_383)
    expectSame({ value: 'v', headers: [[long, '1']] })
    const batch = decode(
      kafkaBatch({
        records: [
          {
            value: 'v',
            headers: [
              [`${long}n`, '1'],
              ['b'.repeat(70_000), null],
              ['c', '2'],
            ],
          },
        ],
      }),
    )
    const headers = batch.headers(0)
    expect(headers.map(([name, value]) => [name.length, value.length])).toEqual([
      [16_383, 1],
      [16_383, 0],
      [1, 1],
    ])
  })

  it('with names that are no UTF-8 can still become part of a dead letter', () => {
    const name = Buffer.alloc(16_383, 0xff)
    const batch = expectSame({ value: 'v', headers: [[name, '1']] })
    const copied = batchOf([{ value: 'v', headers: batch.headers(0) }])
    expect(copied.headers(0)).toEqual([['\ufffd'.repeat(16_383), Buffer.from('1')]])
    const again = decode(encodeRecords(copied, { from: 0, to: 1 }, plain))
    expect(again.headers(0)).toEqual([['\ufffd'.repeat(5_461), Buffer.from('1')]])
  })
})
