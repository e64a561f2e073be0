import type { SliceBatch } from '../../core/log.ts'
import type { ReadRoom, StoredPartition } from '../stored-partition.ts'
import type { BatchReader, PartitionKey } from './batch-reader.ts'
import type { PartitionRow } from './small-tables.ts'

/** A partition as this process sees it: its end moves when a commit is answered. */
export class EmbeddedPartition implements StoredPartition, PartitionKey {
  readonly id: number
  readonly topic: string
  readonly partition: number
  start: bigint
  end: bigint
  isDropped = false
  readonly #reader: BatchReader

  constructor(row: PartitionRow, reader: BatchReader) {
    this.id = row.id
    this.topic = row.topic
    this.partition = row.number
    this.start = BigInt(row.start)
    this.end = BigInt(row.next)
    this.#reader = reader
  }

  batchAt(offset: bigint, room: ReadRoom): SliceBatch | null {
    return this.#reader.batchAt(this, Number(offset), room)
  }
}
