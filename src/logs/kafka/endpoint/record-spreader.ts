import { partitionOf } from '../../../core/partitioner.ts'
import { RecordBatchBuilder } from '../../../core/record-batch-builder.ts'
import type { RecordBatch } from '../../../core/record-batch.ts'

export interface SpreadOptions {
  readonly timestamp: 'event_time' | 'ingest'
}

/** Records for one partition, with the indexes that they had. */
export interface PartitionRecords {
  readonly partition: number
  readonly batch: RecordBatch
  readonly indexes: readonly number[]
}

interface Growing {
  readonly builder: RecordBatchBuilder
  indexes: number[]
}

/** So much goes to one partition before the next one has its turn, as with Kafka's Java producer. */
const keylessBytes = 16 * 1024

/** Spreads records over partitions as Kafka's Java producer does: by key; without one, in turn. */
export class RecordSpreader {
  readonly #options: SpreadOptions
  readonly #growing = new Map<number, Growing>()
  #keylessPartition = 0
  #keylessBytes = 0

  constructor(options: SpreadOptions) {
    this.#options = options
  }

  spread(batch: RecordBatch, partitions: number): readonly PartitionRecords[] {
    const times = { timestampMs: 0, eventTimeMs: 0, ingestUs: 0, waitUs: 0, runUs: 0 }
    for (let index = 0; index < batch.count; index++) {
      const key = batch.key(index)
      times.timestampMs = this.#timestampMs(batch, index)
      times.eventTimeMs = batch.eventTimeMs[index]!
      times.ingestUs = batch.ingestUs[index]!
      times.waitUs = batch.waitUs[index]!
      times.runUs = batch.runUs[index]!
      const partition =
        key === null
          ? this.#nextKeyless(batch.sizeBytes(index), partitions)
          : partitionOf(key, partitions)
      const growing = this.#growing.get(partition) ?? this.#begin(partition, batch.writer)
      growing.indexes.push(index)
      const headers = batch.headerBytes(index)
      growing.builder.append({ key, value: batch.value(index), headers, times })
    }
    return this.#take()
  }

  #begin(partition: number, writer: string): Growing {
    const growing = { builder: new RecordBatchBuilder(writer), indexes: [] }
    this.#growing.set(partition, growing)
    return growing
  }

  #take(): PartitionRecords[] {
    const spread: PartitionRecords[] = []
    for (const [partition, growing] of this.#growing) {
      if (growing.builder.count === 0) continue
      spread.push({ partition, batch: growing.builder.finish(), indexes: growing.indexes })
      growing.indexes = []
    }
    return spread
  }

  #nextKeyless(bytes: number, partitions: number): number {
    this.#keylessBytes += bytes
    if (this.#keylessBytes > keylessBytes) {
      this.#keylessBytes = 0
      this.#keylessPartition += 1
    }
    return this.#keylessPartition % partitions
  }

  /** Kafka has no times before 1970. */
  #timestampMs(batch: RecordBatch, index: number): number {
    const eventTimeMs = batch.eventTimeMs[index]!
    const isTold = this.#options.timestamp === 'event_time' && eventTimeMs >= 1
    return isTold ? eventTimeMs : batch.timestampMs[index]!
  }
}

/** Some of the records: those from `from` up to, without, `to`. */
export function partOf(
  { partition, batch, indexes }: PartitionRecords,
  { from, to }: { readonly from: number; readonly to: number },
): PartitionRecords {
  if (from === 0 && to === batch.count) return { partition, batch, indexes }
  const builder = new RecordBatchBuilder(batch.writer)
  for (let index = from; index < to; index++) {
    builder.append({
      key: batch.key(index),
      value: batch.value(index),
      headers: batch.headerBytes(index),
      times: {
        timestampMs: batch.timestampMs[index]!,
        eventTimeMs: batch.eventTimeMs[index]!,
        ingestUs: batch.ingestUs[index]!,
        waitUs: batch.waitUs[index]!,
        runUs: batch.runUs[index]!,
      },
    })
  }
  return { partition, batch: builder.finish(), indexes: indexes.slice(from, to) }
}
