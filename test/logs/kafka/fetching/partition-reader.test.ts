import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSystemClock } from '../../../../src/clock/system-clock.ts'
import { RecordBatchBuilder } from '../../../../src/core/record-batch-builder.ts'
import { emptyBytes } from '../../../../src/core/record-batch.ts'
import type { SliceBatch } from '../../../../src/core/log.ts'
import type { FetchedPartition } from '../../../../src/logs/kafka/client/kafka-client.ts'
import {
  PartitionReader,
  type ReaderOptions,
} from '../../../../src/logs/kafka/fetching/partition-reader.ts'
import { crc32c } from '../../../../src/logs/kafka/records/crc32c.ts'
import { encodeRecords } from '../../../../src/logs/kafka/records/encode-records.ts'

const never = new AbortController().signal
const attributesAt = 21
const crcAt = 17

/** A stored batch whose values are its offsets. */
function stored(first: number, count: number, bytes = 1): Buffer {
  const builder = new RecordBatchBuilder('')
  const times = { timestampMs: 1, eventTimeMs: NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
  for (let offset = first; offset < first + count; offset++) {
    const value = `${offset}`.padEnd(bytes, ' ')
    builder.append({ key: null, value, headers: emptyBytes, times })
  }
  const options = { codec: 'none', producer: null, transactional: false, timing: false } as const
  const encoded = encodeRecords(builder.finish(), { from: 0, to: count }, options)
  const batch = Buffer.from(encoded)
  batch.writeBigInt64BE(BigInt(first), 0)
  return batch
}

function fetched(batches: readonly Buffer[], end: number): FetchedPartition {
  return {
    topic: 't',
    partition: 0,
    error: null,
    highWatermark: BigInt(end + 5),
    lastStableOffset: BigInt(end),
    startOffset: 0n,
    aborted: [],
    records: Buffer.concat(batches),
  }
}

class Scene {
  bufferedBytes = 0
  readonly changes: string[] = []
  ready = 0
  readonly reader: PartitionReader

  constructor(options: Partial<ReaderOptions> = {}) {
    this.reader = new PartitionReader(
      {
        topic: 't',
        partition: 0,
        offset: 0n,
        bufferBytes: 100_000,
        topicId: null,
        onReady: () => {
          this.ready += 1
        },
        ...options,
      },
      {
        clock: createSystemClock(),
        isolation: 'read_committed',
        changed: (_, what) => this.changes.push(what),
        buffered: (bytes) => {
          this.bufferedBytes += bytes
        },
      },
    )
  }
}

function offsetsOf(slices: readonly SliceBatch[]): number[] {
  return slices.flatMap(({ batch, from }) =>
    Array.from({ length: batch.count - from }, (_, index) => Number(batch.valueText(from + index))),
  )
}

describe('a partition reader', () => {
  it('hands out every record once and in order, and stands behind what it gave', () => {
    const batches = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 20 })
    const takes = fc.infiniteStream(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.nat(4_000)))
    fc.assert(
      fc.property(batches, takes, fc.nat(30), (counts, take, start) => {
        const total = counts.reduce((sum, count) => sum + count, 0)
        const from = Math.min(start, total - 1)
        const { reader, ...scene } = new Scene({ offset: BigInt(from) })
        let first = 0
        const seen: number[] = []
        for (const count of counts) {
          if (first + count > from) reader.accept(fetched([stored(first, count)], total))
          first += count
          const [maxRecords, maxBytes] = take.next().value as [number, number]
          const slices = reader.take(maxRecords, maxBytes)
          seen.push(...offsetsOf(slices))
          const end = seen.length === 0 ? from : seen.at(-1)! + 1
          expect(reader.position).toBe(BigInt(end))
          expect(reader.lag()).toBe(reader.isReady || end > from ? total - end : reader.lag())
        }
        seen.push(...offsetsOf(reader.take(Infinity, Infinity)))
        expect(seen).toEqual(Array.from({ length: total - from }, (_, index) => from + index))
        expect(reader.isReady).toBe(false)
        expect(scene.bufferedBytes).toBe(0)
      }),
    )
  })

  it('passes over what is not to be seen, also when nothing else comes', async () => {
    const { reader } = new Scene()
    reader.accept(fetched([stored(0, 3)], 3))
    reader.accept(fetched([control(3)], 4))
    const [slice] = reader.take(10, 10_000)
    expect(slice!.next).toBe(4n)
    expect(reader.position).toBe(4n)
    const past = reader.whenPast(4n, never)
    reader.accept(fetched([control(4), control(5)], 6))
    await past
    expect(reader.isReady).toBe(false)
    expect(reader.position).toBe(6n)
    expect(reader.lag()).toBe(0)
  })

  /** A mark of a transaction, as far as a reader looks: its checksum is that of a data batch. */
  function control(offset: number): Buffer {
    const batch = stored(offset, 1)
    batch.writeInt16BE(0x20, attributesAt)
    batch.writeUInt32BE(crc32c(batch.subarray(attributesAt)), crcAt)
    return batch
  }

  it('asks for no more while at least half of its buffer is full', () => {
    const { reader, changes } = new Scene({ bufferBytes: 20_000 })
    expect(reader.wantsMore).toBe(true)
    reader.accept(fetched([stored(0, 5, 1_000), stored(5, 5, 1_000)], 10))
    expect(reader.wantsMore).toBe(false)
    expect(reader.fetchBytes).toBeLessThan(20_000)
    reader.take(1, 1)
    expect(changes).toEqual(['room'])
    expect(reader.wantsMore).toBe(true)
  })

  it('leaves for the next fetch what is more than its buffer takes', () => {
    const { reader } = new Scene({ bufferBytes: 3_000 })
    const batches = [0, 5, 10, 15].map((first) => stored(first, 5, 400))
    reader.accept(fetched(batches, 20))
    expect(reader.fetchOffset).toBeLessThan(20n)
    expect(reader.fetchOffset % 5n).toBe(0n)
  })

  it('asks for as much as it takes when a batch is larger than what it asked for', () => {
    const { reader } = new Scene({ bufferBytes: 3_000 })
    expect(reader.fetchBytes).toBeLessThanOrEqual(3_000)
    const large = stored(0, 50, 1_000)
    reader.accept(fetched([large.subarray(0, 3_000)], 50))
    expect(reader.fetchBytes).toBeGreaterThan(large.length)
    reader.accept(fetched([large], 50))
    expect(offsetsOf(reader.take(1, 1))).toHaveLength(50)
    expect(reader.fetchBytes).toBeLessThanOrEqual(3_000)
  })

  it('hands out what lies before a broken batch, then throws, until it is told to go elsewhere', () => {
    const { reader, changes } = new Scene()
    const broken = stored(3, 3)
    broken[broken.length - 1]! ^= 1
    reader.accept(fetched([stored(0, 3), broken, stored(6, 3)], 9))
    expect(reader.fetchOffset).toBe(3n)
    reader.accept(fetched([broken, stored(6, 3)], 9))
    expect(reader.wantsMore).toBe(false)
    expect(changes).toEqual(['failed'])
    expect(offsetsOf(reader.take(10, 10_000))).toEqual([0, 1, 2])
    for (const _ of [1, 2]) {
      expect(() => reader.take(1, 1)).toThrow(expect.objectContaining({ code: 'LOG_CORRUPT' }))
    }
    const { generation } = reader
    reader.seek(6n)
    expect(reader.generation).not.toBe(generation)
    expect(reader.take(1, 1)).toEqual([])
    reader.accept(fetched([stored(6, 3)], 9))
    expect(offsetsOf(reader.take(1, 1))).toEqual([6, 7, 8])
  })

  it('ends whoever waits when it is closed, and gives its memory back', async () => {
    const scene = new Scene()
    const { reader } = scene
    const waiting = reader.whenReady(never)
    reader.close()
    await waiting
    expect(() => reader.take(1, 1)).toThrow('stopped')
    expect(scene.changes).toContain('closed')

    const full = new Scene()
    full.reader.accept(fetched([stored(0, 3)], 3))
    expect(full.bufferedBytes).toBeGreaterThan(0)
    full.reader.close()
    full.reader.close()
    expect(full.bufferedBytes).toBe(0)
    expect(full.changes).toEqual(['closed'])
  })
})
