import type { SliceBatch, TopicPartition } from '../../../core/log.ts'
import type { RecordBatchBuilder, RecordTimes } from '../../../core/record-batch-builder.ts'
import type { RecordBatch } from '../../../core/record-batch.ts'
import { splitOf, type SourcePosition } from './source-positions.ts'

/** What is needed of a `PartitionReader`. */
export interface BatchReader {
  readonly topicId: string | null
  readonly position: bigint
  readonly isReady: boolean
  take(maxRecords: number, maxBytes: number): readonly SliceBatch[]
  lag(): number
  whenPast(position: bigint, signal: AbortSignal): Promise<void>
  close(): void
}

export interface PartitionInputOptions extends TopicPartition {
  /** Where to stop; null: nowhere. */
  readonly end: bigint | null
  /** Where the records ended that could be read at the beginning. */
  readonly readableEnd: bigint
}

/** One partition of a source, read record by record: batches may be larger than slices. */
export class PartitionInput implements TopicPartition {
  readonly topic: string
  readonly partition: number
  readonly split: string
  readonly #reader: BatchReader
  readonly #options: PartitionInputOptions
  #head: SliceBatch | null = null
  #index = 0
  #baseOffset = 0
  /** Of the record at `#index`; see `headTimeMs`. */
  #headTimeMs = 0

  constructor(reader: BatchReader, options: PartitionInputOptions) {
    this.topic = options.topic
    this.partition = options.partition
    this.split = splitOf(options)
    this.#reader = reader
    this.#options = options
  }

  /** Behind the last record that was appended, with what cannot be seen after it. */
  get position(): SourcePosition {
    const { topicId } = this.#reader
    if (this.#head === null) return { offset: this.#reader.position, topicId }
    const { baseOffset, batch } = this.#head
    return { offset: baseOffset + BigInt(batch.offsetDelta[this.#index]!), topicId }
  }

  get isDone(): boolean {
    const { end } = this.#options
    return end !== null && this.#head === null && this.#reader.position >= end
  }

  /** Whether there is a record at hand, or an error to meet. */
  get isReady(): boolean {
    return this.#head !== null || (!this.isDone && this.#reader.isReady)
  }

  /** Whether records are there that have not been fetched yet, as far as is known. */
  get isBehind(): boolean {
    return !this.isReady && !this.isDone && this.lag() > 0
  }

  /** Records that may be read. */
  lag(): number {
    const { offset } = this.position
    const { readableEnd } = this.#options
    const atStart = readableEnd > offset ? Number(readableEnd - offset) : 0
    return Math.max(atStart, Number(this.#reader.position - offset) + this.#reader.lag())
  }

  /** Whether there is a record at hand; see `headTimeMs`. @throws what the reader has met */
  fill(): boolean {
    while (this.#head === null && !this.isDone) {
      const [slice] = this.#reader.take(1, 1)
      if (slice === undefined) return false
      this.#head = slice
      this.#baseOffset = Number(slice.baseOffset)
      this.#index = slice.from
      this.#passMarkers(slice.batch)
    }
    return this.#head !== null
  }

  /** The event time of the next record, by which partitions are merged; the lowest where it has none. */
  get headTimeMs(): number {
    return this.#headTimeMs
  }

  /** Of the next record. */
  get offset(): number {
    return this.#baseOffset + this.#head!.batch.offsetDelta[this.#index]!
  }

  /** The time that Kafka has for the next record, epoch ms; 0 for none. */
  get timestampMs(): number {
    return this.#head!.batch.timestampMs[this.#index]!
  }

  /** Appends the next record and goes on to the one after it. `times` is changed. */
  append(builder: RecordBatchBuilder, times: RecordTimes): void {
    const { batch } = this.#head!
    const index = this.#index
    times.eventTimeMs = eventTimeMs(batch, index)
    builder.append({
      key: batch.key(index),
      value: batch.value(index),
      headers: batch.headerBytes(index),
      times,
    })
    this.#index += 1
    this.#passMarkers(batch)
  }

  /** Returns when there is a record or an error, or what was there turned out to be nothing that can be seen. */
  whenChanged(signal: AbortSignal): Promise<void> {
    return this.#reader.whenPast(this.#reader.position, signal)
  }

  close(): void {
    this.#reader.close()
  }

  /** Watermarks of another pipeline, in a topic of its own, are no records. */
  #passMarkers(batch: RecordBatch): void {
    while (this.#index < batch.count && batch.isMarker(this.#index)) this.#index += 1
    if (this.#index === batch.count) {
      this.#head = null
      return
    }
    const timeMs = eventTimeMs(batch, this.#index)
    this.#headTimeMs = Number.isNaN(timeMs) ? Number.NEGATIVE_INFINITY : timeMs
  }
}

/** What Millrace's own records say, else the time that Kafka has; NaN for neither. */
function eventTimeMs(batch: RecordBatch, index: number): number {
  const toldMs = batch.eventTimeMs[index]!
  if (!Number.isNaN(toldMs)) return toldMs
  const timestampMs = batch.timestampMs[index]!
  return timestampMs === 0 ? Number.NaN : timestampMs
}
