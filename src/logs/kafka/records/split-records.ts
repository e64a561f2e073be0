import type { RecordBatch } from '../../../core/record-batch.ts'
import { field } from './batch-format.ts'
import type { RecordRange } from './encode-records.ts'
import { RecordWriter } from './record-writer.ts'

export interface SplitOptions {
  /** The topic's `max.message.bytes`, which counts a whole record batch. */
  readonly maxBytes: number
  readonly timing: boolean
}

export interface SplitRecords {
  /** In order; each is one Kafka batch of at most `maxBytes`, before compression. */
  readonly ranges: readonly RecordRange[]
  /** Records that are larger alone: they are in no range. */
  readonly tooLarge: readonly { readonly index: number; readonly sizeBytes: number }[]
}

/** More than a record's numbers and its timing header, without the writer's id, ever take. */
const maxOverheadBytes = 128
const maxBytesPerChar = 3
/** No header takes twice the bytes in Kafka's format that it takes in ours. */
const maxGrowth = 2

/** Cuts a batch into as few Kafka batches as fit, without changing the order. */
export function splitRecords(batch: RecordBatch, options: SplitOptions): SplitRecords {
  const { maxBytes, timing } = options
  if (mostBytes(batch) <= maxBytes) {
    return { ranges: [{ from: 0, to: batch.count }], tooLarge: [] }
  }
  const ranges: RecordRange[] = []
  const tooLarge: { index: number; sizeBytes: number }[] = []
  const writer = new RecordWriter(batch, timing)
  let from = 0
  let sizeBytes: number = field.records
  for (let index = 0; index < batch.count; index++) {
    if (index === from) writer.startAt(index)
    let added = writer.moveTo(index)
    if (index > from && sizeBytes + added > maxBytes) {
      ranges.push({ from, to: index })
      from = index
      sizeBytes = field.records
      writer.startAt(index)
      added = writer.moveTo(index)
    }
    sizeBytes += added
    if (sizeBytes > maxBytes) {
      tooLarge.push({ index, sizeBytes })
      from = index + 1
      sizeBytes = field.records
    }
  }
  if (from < batch.count) ranges.push({ from, to: batch.count })
  return { ranges, tooLarge }
}

/** Quickly, so that an ordinary batch is not measured record by record. */
function mostBytes({ dataBytes, count, writer }: RecordBatch): number {
  const writerBytes = maxBytesPerChar * writer.length
  return field.records + maxGrowth * dataBytes + count * (maxOverheadBytes + writerBytes)
}
