import type { SliceBatch } from '../../../../src/core/log.ts'
import { RecordBatchBuilder } from '../../../../src/core/record-batch-builder.ts'
import { emptyBytes, type RecordBatch } from '../../../../src/core/record-batch.ts'
import type { BatchReader } from '../../../../src/logs/kafka/endpoint/partition-input.ts'

export interface GivenRecord {
  readonly key?: string | Uint8Array | null
  readonly value?: string | Uint8Array | null
  readonly timestampMs?: number
  readonly eventTimeMs?: number
  readonly marker?: boolean
}

export function batchOf(records: readonly GivenRecord[], writer = ''): RecordBatch {
  const builder = new RecordBatchBuilder(writer)
  for (const { key = null, value = '', timestampMs = 0, eventTimeMs, marker = false } of records) {
    const times = {
      timestampMs,
      eventTimeMs: eventTimeMs ?? Number.NaN,
      ingestUs: 1,
      waitUs: 2,
      runUs: 3,
    }
    builder.append({ key, value, headers: emptyBytes, times, marker })
  }
  return builder.finish()
}

/** Gives batches as a reader of a partition would that has fetched all of them. */
export class GivenReader implements BatchReader {
  readonly topicId = 'an-id'
  position = 0n
  readonly #slices: SliceBatch[]
  readonly #place: { readonly topic: string; readonly partition: number }

  constructor(topic: string, partition: number, batches: readonly (readonly GivenRecord[])[]) {
    let offset = 0n
    this.#place = { topic, partition }
    this.#slices = batches.map((records) => {
      const baseOffset = offset
      offset += BigInt(records.length)
      return this.#slice(batchOf(records), baseOffset, offset)
    })
  }

  /** What a fetch brings. */
  add(slice: { batch: RecordBatch; baseOffset: bigint; from?: number; next: bigint }): void {
    const { batch, baseOffset, from = 0, next } = slice
    this.#slices.push(this.#slice(batch, baseOffset, next, from))
  }

  get isReady(): boolean {
    return this.#slices.length > 0
  }

  take(): readonly SliceBatch[] {
    const taken = this.#slices.splice(0, 1)
    this.position = taken[0]?.next ?? this.position
    return taken
  }

  lag(): number {
    const end = this.#slices.at(-1)?.next ?? this.position
    return Number(end - this.position)
  }

  async whenPast(): Promise<void> {}

  close(): void {}

  #slice(batch: RecordBatch, baseOffset: bigint, next: bigint, from = 0): SliceBatch {
    return { ...this.#place, baseOffset, batch, from, next, visibleUs: Number.NaN }
  }
}
