import type { SinkOrigins } from '../core/endpoints.ts'
import type { RecordBatch } from '../core/record-batch.ts'
import { RecordBatchBuilder } from '../core/record-batch-builder.ts'

/** Those records of a batch that a sink has not taken yet, as a batch of their own. */
export class Unwritten {
  readonly batch: RecordBatch
  readonly origins: SinkOrigins
  /** By record: its index in the whole batch; null: this is the whole. */
  readonly #indexes: readonly number[] | null

  constructor(batch: RecordBatch, origins: SinkOrigins, indexes: readonly number[] | null = null) {
    this.batch = batch
    this.origins = origins
    this.#indexes = indexes
  }

  /** The index of a record in the whole batch. */
  at(index: number): number {
    return this.#indexes?.[index] ?? index
  }

  only(indexes: readonly number[]): Unwritten {
    if (indexes.length === this.batch.count) return this
    const { batch, origins } = this
    const builder = new RecordBatchBuilder(batch.writer)
    for (const index of indexes) {
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
    return new Unwritten(
      builder.finish(),
      {
        input: (index) => origins.input(indexes[index]!),
        offset: (index) => origins.offset(indexes[index]!),
        ordinal: (index) => origins.ordinal(indexes[index]!),
      },
      indexes.map((index) => this.at(index)),
    )
  }
}
