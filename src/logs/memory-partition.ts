import type { SliceBatch } from '../core/log.ts'
import { invariant } from '../core/errors.ts'
import type { RecordBatch } from '../core/record-batch.ts'
import { newestTimestampMs, type ReadRoom, type StoredPartition } from './stored-partition.ts'

interface StoredBatch {
  readonly baseOffset: bigint
  readonly batch: RecordBatch
  readonly visibleUs: number
  readonly maxTimestampMs: number
}

/** A partition kept in memory: batches in the order of their offsets, without gaps. */
export class MemoryPartition implements StoredPartition {
  readonly topic: string
  readonly partition: number
  start = 0n
  end = 0n
  isDropped = false
  #batches: StoredBatch[] = []

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  append(batch: RecordBatch, visibleUs: number): void {
    this.#batches.push({
      baseOffset: this.end,
      batch,
      visibleUs,
      maxTimestampMs: newestTimestampMs(batch),
    })
    this.end += BigInt(batch.count)
  }

  batchAt(offset: bigint, room: ReadRoom): SliceBatch | null {
    invariant(offset >= this.start && offset < this.end, 'only stored offsets are read')
    const { baseOffset, batch, visibleUs } = this.#batches[this.#indexOf(offset)]!
    if (batch.count > room.records || batch.bytes.byteLength > room.bytes) return null
    const { topic, partition } = this
    const next = baseOffset + BigInt(batch.count)
    invariant(baseOffset <= offset && offset < next, 'the batch holds the offset')
    return {
      topic,
      partition,
      baseOffset,
      batch,
      from: Number(offset - baseOffset),
      next,
      visibleUs,
    }
  }

  /** Removes whole batches from the front that end at or below `limit` and are older than `beforeMs`. */
  dropBelow(limit: bigint, beforeMs: number): void {
    let count = 0
    for (const { baseOffset, batch, maxTimestampMs } of this.#batches) {
      const next = baseOffset + BigInt(batch.count)
      if (next > limit || maxTimestampMs >= beforeMs) break
      count += 1
      this.start = next
    }
    this.#batches.splice(0, count)
  }

  drop(): void {
    this.isDropped = true
    this.#batches = []
  }

  /** Of the last batch that begins at or before `offset`. */
  #indexOf(offset: bigint): number {
    let low = 0
    let high = this.#batches.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#batches[middle]!.baseOffset <= offset) low = middle
      else high = middle - 1
    }
    return low
  }
}
