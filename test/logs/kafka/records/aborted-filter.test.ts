import { describe, expect, it } from 'vitest'
import type { Isolation } from '../../../../src/logs/kafka/client/kafka-client.ts'
import { decodeRecords } from '../../../../src/logs/kafka/records/decode-records.ts'
import { kafkaBatch, marker, seen } from './kafka-batch.ts'

const transactional = 0x10

/** One record in a transaction of a producer, or outside of any for 0. */
function record(offset: number, producerId = 0): Buffer {
  return kafkaBatch({
    records: [{ value: `${offset}` }],
    baseOffset: BigInt(offset),
    ...(producerId === 0 ? {} : { producerId: BigInt(producerId), attributes: transactional }),
  })
}

function ends(type: 'abort' | 'commit', offset: number, producerId: number): Buffer {
  return marker(type, { baseOffset: BigInt(offset), producerId: BigInt(producerId) })
}

function read(
  batches: readonly Buffer[],
  aborted: readonly (readonly [producerId: number, firstOffset: number])[],
  { offset = 0, isolation = 'read_committed' }: { offset?: number; isolation?: Isolation } = {},
): { offsets: number[]; next: number } {
  const fetched = {
    topic: 'orders',
    partition: 0,
    records: Buffer.concat(batches),
    aborted: aborted.map(([producerId, firstOffset]) => ({
      producerId: BigInt(producerId),
      firstOffset: BigInt(firstOffset),
    })),
  }
  const decoded = decodeRecords(fetched, { offset: BigInt(offset), isolation })
  return { offsets: seen(decoded.batches).map(([at]) => Number(at)), next: Number(decoded.next) }
}

describe('records of aborted transactions', () => {
  it('are left out where one producer has aborted two in one fetch', () => {
    const batches = [
      record(0, 1),
      ends('abort', 1, 1),
      record(2),
      record(3, 1),
      ends('abort', 4, 1),
      record(5, 1),
      ends('commit', 6, 1),
    ]
    const aborted = [
      [1, 0],
      [1, 3],
    ] as const
    expect(read(batches, aborted)).toEqual({ offsets: [2, 5], next: 7 })
  })

  it('are left out where the marker comes in a later fetch', () => {
    const batches = [
      record(0, 1),
      record(1, 1),
      record(2),
      record(3, 1),
      ends('abort', 4, 1),
      record(5, 1),
    ]
    const aborted = [[1, 0]] as const
    expect(read(batches.slice(0, 2), aborted)).toEqual({ offsets: [], next: 2 })
    // The broker names the transaction again, as long as it has records in what is asked for.
    expect(read(batches.slice(2), aborted, { offset: 2 })).toEqual({ offsets: [2, 5], next: 6 })
  })

  it('are left out where transactions of several producers are mixed', () => {
    const batches = [
      record(0, 1),
      record(1, 2),
      record(2, 3),
      ends('commit', 3, 2),
      record(4, 2),
      ends('abort', 5, 1),
      record(6, 1),
      ends('abort', 7, 2),
      record(8, 3),
      ends('commit', 9, 1),
      ends('abort', 10, 3),
    ]
    // In the order in which they ended, as the broker's index has them.
    const aborted = [
      [1, 0],
      [2, 4],
      [3, 2],
    ] as const
    expect(read(batches, aborted)).toEqual({ offsets: [1, 6], next: 11 })
  })

  it('are left out where several began before the first record of the fetch', () => {
    const batches = [record(100, 2), record(101, 1), ends('abort', 102, 2), ends('abort', 103, 1)]
    const aborted = [
      [1, 10],
      [2, 20],
    ] as const
    expect(read(batches, aborted, { offset: 100 })).toEqual({ offsets: [], next: 104 })
  })

  it('are known by the whole batch, into the middle of which the position may lead', () => {
    const batch = kafkaBatch({
      records: [{ value: 'a' }, { value: 'b' }, { value: 'c' }],
      baseOffset: 10n,
      producerId: 1n,
      attributes: transactional,
    })
    expect(read([batch, ends('abort', 13, 1)], [[1, 10]], { offset: 11 }).offsets).toEqual([])
    expect(read([batch, ends('commit', 13, 1)], [], { offset: 11 })).toEqual({
      offsets: [11, 12],
      next: 14,
    })
  })

  it('do not hide what the producer wrote outside of a transaction', () => {
    const idempotent = kafkaBatch({ records: [{ value: 'a' }], baseOffset: 1n, producerId: 1n })
    expect(read([record(0, 1), idempotent], [[1, 0]]).offsets).toEqual([1])
  })

  it('are to be seen when uncommitted records are read; markers never are', () => {
    const batches = [record(0, 1), ends('abort', 1, 1), record(2, 1), ends('commit', 3, 1)]
    const isolation = 'read_uncommitted'
    expect(read(batches, [[1, 0]], { isolation })).toEqual({ offsets: [0, 2], next: 4 })
  })

  it('end with a marker only, which no user can write', () => {
    // A record whose key looks like the one of an abort marker.
    const fake = kafkaBatch({
      records: [{ key: Buffer.alloc(4), value: Buffer.alloc(6) }],
      baseOffset: 1n,
      producerId: 1n,
      attributes: transactional,
    })
    expect(read([record(0, 1), fake, record(2, 1)], [[1, 0]]).offsets).toEqual([])
  })
})
