import type { SliceBatch, TopicPartition } from '../core/log.ts'
import { invariant, PipelineError } from '../core/errors.ts'
import type { RecordBatch } from '../core/record-batch.ts'

/** How much a read may still return. */
export interface ReadRoom {
  readonly records: number
  readonly bytes: number
}

export const unlimitedRoom: ReadRoom = { records: Infinity, bytes: Infinity }

/** One partition of a log in this process, as task logs and readers see it. */
export interface StoredPartition extends TopicPartition {
  /** The first offset that has not been removed. */
  readonly start: bigint
  /** The offset after the last record that is visible. */
  readonly end: bigint
  /** Whether the topic was forgotten by a reset since. */
  readonly isDropped: boolean
  /**
   * The stored batch that holds `offset` (`start <= offset < end`); null when it does not fit `room`.
   * @throws PipelineError LOG_CORRUPT, LOG_IO
   */
  batchAt(offset: bigint, room: ReadRoom): SliceBatch | null
}

/**
 * Whole batches from the one that holds `offset` on, at least one if there is any. A reader that asks
 * for removed records gets those after them: it only looks, so nothing is lost by it.
 */
export function readOnward(
  partition: StoredPartition,
  offset: bigint,
  maxBytes: number,
): SliceBatch[] {
  const batches: SliceBatch[] = []
  let at = offset < partition.start ? partition.start : offset
  let bytes = 0
  while (!partition.isDropped && at < partition.end) {
    const room =
      batches.length === 0 ? unlimitedRoom : { records: Infinity, bytes: maxBytes - bytes }
    const batch = partition.batchAt(at, room)
    if (batch === null) break
    batches.push(batch)
    bytes += batch.batch.bytes.byteLength
    at = batch.next
  }
  return batches
}

/** What retention goes by; -Infinity where no record has a time. */
export function newestTimestampMs(batch: RecordBatch): number {
  let newest = -Infinity
  for (const time of batch.timestampMs) if (time > newest) newest = time
  return newest
}

/**
 * The bytes of a batch that a task commits, taken away from it: they are the log's from then on. The
 * batch is empty afterwards, unless its bytes are a part of a larger buffer, which stays as it is.
 */
export function takeBytes(batch: RecordBatch, taken: Set<ArrayBufferLike>): Uint8Array {
  const { bytes } = batch
  invariant(bytes.byteLength > 0, 'a record batch is committed once')
  const isWhole =
    bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer
  if (!isWhole || taken.has(bytes.buffer)) return new Uint8Array(bytes)
  taken.add(bytes.buffer)
  return bytes
}

/** @throws PipelineError LOG_POSITION_LOST when records from `offset` on are not there any more. */
export function assertPositionKept(partition: StoredPartition, offset: bigint): void {
  const { topic, partition: number, start } = partition
  if (partition.isDropped) {
    throw new PipelineError(
      'LOG_POSITION_LOST',
      `topic ${topic}, partition ${number}: the topic was reset while a task was reading it; start the pipeline again`,
    )
  }
  if (offset >= start) return
  throw new PipelineError(
    'LOG_POSITION_LOST',
    `topic ${topic}, partition ${number}: the task stands at offset ${offset}, but the first record kept ` +
      `has offset ${start}: ${start - offset} records were removed before they were read. Run with --fresh ` +
      'to begin again, or give the topic a longer retention',
  )
}
