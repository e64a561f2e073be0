import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { PipelineError } from '../../core/errors.ts'
import type { SliceBatch } from '../../core/log.ts'
import { RecordBatch } from '../../core/record-batch.ts'
import type { ReadRoom } from '../stored-partition.ts'
import { batchChecksum, batchId } from './schema.ts'
import { toPipelineError } from './sqlite-error.ts'

/** A batch that is too large for the room left is not even read. */
const selectBatch = `
  SELECT count, max_timestamp_ms, commit_seq, crc,
    CASE WHEN count <= ? AND length(data) <= ? THEN data END, visible_us
  FROM batches LEFT JOIN commits ON seq = commit_seq WHERE id = ?`
const selectBase = 'SELECT id - ? FROM batches WHERE id >= ? AND id <= ? ORDER BY id DESC LIMIT 1'

type BatchColumns = [
  count: number,
  maxTimestampMs: number,
  commitSeq: number,
  crc: number,
  data: Uint8Array | null,
  visibleUs: number | null,
]

export interface PartitionKey {
  readonly id: number
  readonly topic: string
  readonly partition: number
}

/** Reads batches on the caller's thread and checks them. Every read is a short transaction of its own. */
export class BatchReader {
  readonly #batch: StatementSync
  readonly #base: StatementSync
  readonly #visibleUs: (commitSeq: number) => number | undefined

  /** @param visibleUs of a commit whose time is not stored yet. */
  constructor(db: DatabaseSync, visibleUs: (commitSeq: number) => number | undefined) {
    this.#batch = db.prepare(selectBatch)
    this.#base = db.prepare(selectBase)
    this.#batch.setReturnArrays(true)
    this.#base.setReturnArrays(true)
    this.#visibleUs = visibleUs
  }

  /** As `StoredPartition.batchAt`. */
  batchAt(key: PartitionKey, offset: number, room: ReadRoom): SliceBatch | null {
    try {
      // Readers nearly always stand at the start of a batch: one look-up by its key.
      return (
        this.#read(key, { baseOffset: offset, offset, room }) ?? this.#readMiddle(key, offset, room)
      )
    } catch (error) {
      throw toPipelineError(error, `reading ${nameOf(key)}, offset ${offset}`)
    }
  }

  #readMiddle(key: PartitionKey, offset: number, room: ReadRoom): SliceBatch | null {
    const first = batchId(key.id, 0)
    const found: unknown = this.#base.get(first, first, batchId(key.id, offset))
    if (found === undefined) throw corrupt(key, offset, 'is missing')
    const batch = this.#read(key, { baseOffset: (found as [number])[0], offset, room })
    if (batch === undefined) throw corrupt(key, offset, 'is missing')
    return batch
  }

  /** undefined where no batch begins at `baseOffset`. */
  #read(
    key: PartitionKey,
    { baseOffset, offset, room }: { baseOffset: number; offset: number; room: ReadRoom },
  ): SliceBatch | null | undefined {
    const row: unknown = this.#batch.get(room.records, room.bytes, batchId(key.id, baseOffset))
    if (row === undefined) return undefined
    const [count, maxTimestampMs, commitSeq, crc, data, visibleUs] = row as BatchColumns
    if (data === null) return null
    const stored = { partitionId: key.id, baseOffset, count, maxTimestampMs, commitSeq, data }
    if (batchChecksum(stored) !== crc) throw corrupt(key, baseOffset, 'fails its checksum')
    const batch = new RecordBatch(data)
    if (batch.count !== count) throw corrupt(key, baseOffset, 'holds another number of records')
    if (offset >= baseOffset + count) throw corrupt(key, offset, 'is missing')
    return {
      topic: key.topic,
      partition: key.partition,
      baseOffset: BigInt(baseOffset),
      batch,
      from: offset - baseOffset,
      next: BigInt(baseOffset + count),
      visibleUs: this.#visibleUs(commitSeq) ?? visibleUs ?? NaN,
    }
  }
}

function nameOf({ topic, partition }: PartitionKey): string {
  return `topic ${topic}, partition ${partition}`
}

function corrupt(key: PartitionKey, offset: number, how: string): PipelineError {
  return new PipelineError(
    'LOG_CORRUPT',
    `${nameOf(key)}: the stored batch at offset ${offset} ${how}; restore a backup of the data ` +
      'directory, or run with --fresh to begin again without the stored records',
  )
}
