import { type AppendedRecord, RecordBatchBuilder } from '../core/record-batch-builder.ts'
import type { SinkBatch } from './slice.ts'

/** What a slice writes to the sink of its stage, and which record of the slice each result came of. */
export class SinkCollector {
  readonly #results: RecordBatchBuilder
  #parts: number[] = []
  #indexes: number[] = []

  constructor(writer: string) {
    this.#results = new RecordBatchBuilder(writer)
  }

  /** @param part of the slice; -1: a step made the result. @param index of the record in the part. */
  append(result: AppendedRecord, part: number, index: number): void {
    this.#results.append(result)
    this.#parts.push(part)
    this.#indexes.push(index)
  }

  /** All since the last call; null where there is nothing. */
  take(): SinkBatch | null {
    if (this.#results.count === 0) return null
    const part = Int32Array.from(this.#parts)
    const index = Int32Array.from(this.#indexes)
    this.#parts = []
    this.#indexes = []
    return { batch: this.#results.finish(), part, index }
  }
}
