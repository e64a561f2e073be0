import {
  batchHeaderBytes,
  batchMagic,
  columnBytes,
  RecordBatch,
  shapeColumns,
  timeColumns,
} from '../../../core/record-batch.ts'
import { tooLarge } from './malformed-records.ts'
import { maxWriterBytes } from './timing-format.ts'

const timeBytes = Float64Array.BYTES_PER_ELEMENT
const shapeBytes = Uint32Array.BYTES_PER_ELEMENT
/** All columns are stored in full: the batch's arrays are then views on its bytes. */
const allColumns = 2 ** (timeColumns.length + shapeColumns.length) - 1

/** What a batch of so many records takes besides their keys, values and headers. */
export function columnsBytes(count: number): number {
  return (
    batchHeaderBytes +
    timeColumns.length * columnBytes(count, timeBytes) +
    shapeColumns.length * columnBytes(count, shapeBytes) +
    maxWriterBytes
  )
}

/** The columns of a core batch, in the order that its layout has. */
class Columns {
  readonly timestampMs: Float64Array
  readonly eventTimeMs: Float64Array
  readonly ingestUs: Float64Array
  readonly waitUs: Float64Array
  readonly runUs: Float64Array
  readonly offsetDelta: Uint32Array
  readonly keyEnd: Uint32Array
  readonly valueEnd: Uint32Array
  readonly headersEnd: Uint32Array
  readonly flags: Uint32Array

  constructor(buffer: ArrayBufferLike, count: number) {
    const time = columnBytes(count, timeBytes)
    const shape = columnBytes(count, shapeBytes)
    const timeAt = (column: number) =>
      new Float64Array(buffer, batchHeaderBytes + column * time, count)
    const shapeAt = (column: number) =>
      new Uint32Array(buffer, batchHeaderBytes + timeColumns.length * time + column * shape, count)
    this.timestampMs = timeAt(0)
    this.eventTimeMs = timeAt(1)
    this.ingestUs = timeAt(2)
    this.waitUs = timeAt(3)
    this.runUs = timeAt(4)
    this.offsetDelta = shapeAt(0)
    this.keyEnd = shapeAt(1)
    this.valueEnd = shapeAt(2)
    this.headersEnd = shapeAt(3)
    this.flags = shapeAt(4)
  }
}

/**
 * The bytes of a core batch while records are read into it. How many come is known before, and so
 * everything is written where it stays.
 */
export class BatchColumns {
  readonly count: number
  columns: Columns
  /** Keys, values and headers so far, up to `dataEnd`, and room for more. */
  data: Buffer
  dataEnd = 0
  readonly #dataStart: number
  #bytes: Buffer

  /** @param dataBytes room for keys, values and headers at first. */
  constructor(count: number, dataBytes: number) {
    this.count = count
    this.#dataStart = columnsBytes(count)
    this.#bytes = Buffer.allocUnsafeSlow(this.#dataStart + dataBytes)
    this.columns = new Columns(this.#bytes.buffer, count)
    this.data = this.#bytes.subarray(this.#dataStart)
  }

  /** Makes sure that so many bytes more have room. */
  reserve(dataBytes: number, maxBytes: number): void {
    if (this.dataEnd + dataBytes <= this.data.length) return
    const needed = Math.ceil((this.dataEnd + dataBytes) * 1.25)
    if (this.#dataStart + needed > maxBytes) throw tooLarge(maxBytes)
    const larger = Buffer.allocUnsafeSlow(this.#dataStart + needed)
    this.#bytes.copy(larger, 0, 0, this.#dataStart + this.dataEnd)
    this.#bytes = larger
    this.columns = new Columns(larger.buffer, this.count)
    this.data = larger.subarray(this.#dataStart)
  }

  /** All records as one batch, without a copy. */
  toBatch(writer: Buffer): RecordBatch {
    const bytes = this.#bytes.subarray(0, this.#dataStart + this.dataEnd)
    bytes.writeUInt32LE(batchMagic, 0)
    bytes.writeUInt32LE(this.count, 4)
    bytes.writeUInt32LE(allColumns, 8)
    bytes.writeUInt32LE(this.#dataStart, 12)
    bytes.writeUInt32LE(writer.length, 16)
    bytes.writeUInt32LE(this.dataEnd, 20)
    writer.copy(bytes, this.#dataStart - writer.length)
    return new RecordBatch(bytes)
  }

  /** Some of the records, copied into a batch of their own: its offsets begin with the first of them. */
  slice(from: number, to: number): BatchColumns {
    const all = this.columns
    const start = from === 0 ? 0 : all.headersEnd[from - 1]!
    const end = all.headersEnd[to - 1]!
    const part = new BatchColumns(to - from, end - start)
    const { columns } = part
    for (const column of timeColumns) columns[column].set(all[column].subarray(from, to))
    columns.flags.set(all.flags.subarray(from, to))
    const firstDelta = all.offsetDelta[from]!
    for (let index = from; index < to; index++) {
      columns.offsetDelta[index - from] = all.offsetDelta[index]! - firstDelta
      columns.keyEnd[index - from] = all.keyEnd[index]! - start
      columns.valueEnd[index - from] = all.valueEnd[index]! - start
      columns.headersEnd[index - from] = all.headersEnd[index]! - start
    }
    this.data.copy(part.data, 0, start, end)
    part.dataEnd = end - start
    return part
  }
}
