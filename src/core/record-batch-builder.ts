import { PipelineError, invariant } from './errors.ts'
import {
  batchHeaderBytes,
  batchMagic,
  columnBytes,
  flag,
  RecordBatch,
  shapeColumns,
  timeColumns,
} from './record-batch.ts'

export interface RecordTimes {
  timestampMs: number
  /** NaN where none is known. */
  eventTimeMs: number
  ingestUs: number
  waitUs: number
  runUs: number
}

export interface AppendedRecord {
  readonly key: Uint8Array | string | null
  /** Text is written as UTF-8 straight into the batch. */
  readonly value: Uint8Array | string | null
  /** As `encodeHeaders` makes them, or as another batch's `headerBytes` gives them. */
  readonly headers: Uint8Array
  readonly times: Readonly<RecordTimes>
  readonly marker?: boolean
}

const initialDataBytes = 64 * 1024
const initialRecords = 512
const maxDataBytes = 2 ** 31
const maxBytesPerChar = 3
/** Below this a loop is faster than the call that copies. */
const shortBytes = 32

/** Collects records for one topic partition and encodes them as a `RecordBatch`. Reusable after `finish`. */
export class RecordBatchBuilder {
  readonly #writer: Buffer
  #data = Buffer.allocUnsafeSlow(initialDataBytes)
  #dataEnd = 0
  #count = 0
  #timestampMs = new Float64Array(initialRecords)
  #eventTimeMs = new Float64Array(initialRecords)
  #ingestUs = new Float64Array(initialRecords)
  #waitUs = new Float64Array(initialRecords)
  #runUs = new Float64Array(initialRecords)
  #keyEnd = new Uint32Array(initialRecords)
  #valueEnd = new Uint32Array(initialRecords)
  #headersEnd = new Uint32Array(initialRecords)
  #flags = new Uint32Array(initialRecords)

  /** @param writer id of the writing task; empty for records from outside. */
  constructor(writer: string) {
    this.#writer = Buffer.from(writer)
  }

  get count(): number {
    return this.#count
  }

  get dataBytes(): number {
    return this.#dataEnd
  }

  append(record: AppendedRecord): void {
    const index = this.#count
    if (index === this.#flags.length) this.#growColumns()
    const { times } = record
    this.#timestampMs[index] = times.timestampMs
    this.#eventTimeMs[index] = times.eventTimeMs
    this.#ingestUs[index] = times.ingestUs
    this.#waitUs[index] = times.waitUs
    this.#runUs[index] = times.runUs
    this.#keyEnd[index] = this.#write(record.key)
    this.#valueEnd[index] = this.#write(record.value)
    this.#headersEnd[index] = this.#write(record.headers)
    this.#flags[index] =
      (record.key === null ? flag.nullKey : 0) |
      (record.value === null ? flag.nullValue : 0) |
      (record.marker === true ? flag.marker : 0)
    this.#count = index + 1
  }

  /** The batch so far, encoded; the builder is empty afterwards. */
  finish(): RecordBatch {
    invariant(this.#count > 0, 'an empty batch is never written')
    const times = [this.#timestampMs, this.#eventTimeMs, this.#ingestUs, this.#waitUs, this.#runUs]
    const shape = [this.#keyEnd, this.#valueEnd, this.#headersEnd, this.#flags]
    const stored = [
      ...times.map((values) => this.#storedCount(values)),
      // Offsets count up from the base offset, which one number says.
      1,
      ...shape.map((values) => this.#storedCount(values)),
    ]
    const columnsBytes = stored.reduce(
      (sum, count, column) => sum + columnBytes(count, column < timeColumns.length ? 8 : 4),
      0,
    )
    const dataStart = batchHeaderBytes + columnsBytes + this.#writer.length
    const bytes = Buffer.allocUnsafeSlow(dataStart + this.#dataEnd)
    bytes.writeUInt32LE(batchMagic, 0)
    bytes.writeUInt32LE(this.#count, 4)
    bytes.writeUInt32LE(this.#fullColumns(stored), 8)
    bytes.writeUInt32LE(dataStart, 12)
    bytes.writeUInt32LE(this.#writer.length, 16)
    bytes.writeUInt32LE(this.#dataEnd, 20)
    let at = batchHeaderBytes
    for (const [column, values] of [...times, zero, ...shape].entries()) {
      at = writeColumn(bytes, at, values.subarray(0, stored[column]))
    }
    invariant(at + this.#writer.length === dataStart, 'the columns end where the layout says')
    this.#writer.copy(bytes, at)
    this.#data.copy(bytes, dataStart, 0, this.#dataEnd)
    this.#count = 0
    this.#dataEnd = 0
    return new RecordBatch(bytes)
  }

  /** One number where all are the same (NaN equals NaN here), else all. */
  #storedCount(values: Float64Array | Uint32Array): number {
    const count = this.#count
    const first = values[0]!
    for (let index = 1; index < count; index++) {
      if (!Object.is(values[index], first)) return count
    }
    return 1
  }

  /** A batch of one record stores no column in full: which the bits say by the count alone. */
  #fullColumns(stored: readonly number[]): number {
    if (this.#count === 1) return 0
    return stored.reduce((bits, count, column) => (count === 1 ? bits : bits | (1 << column)), 0)
  }

  /** Returns the end of the written bytes in the data area. */
  #write(part: Uint8Array | string | null): number {
    if (part === null || part.length === 0) return this.#dataEnd
    const size = typeof part === 'string' ? part.length * maxBytesPerChar : part.length
    if (this.#dataEnd + size > this.#data.length) this.#growData(this.#dataEnd + size)
    if (typeof part === 'string') this.#dataEnd += this.#data.write(part, this.#dataEnd, 'utf8')
    else this.#copy(part)
    return this.#dataEnd
  }

  #copy(part: Uint8Array): void {
    const { length } = part
    if (length < shortBytes) {
      const data = this.#data
      const at = this.#dataEnd
      for (let index = 0; index < length; index++) data[at + index] = part[index]!
    } else this.#data.set(part, this.#dataEnd)
    this.#dataEnd += length
  }

  #growData(needed: number): void {
    if (needed > maxDataBytes)
      throw new PipelineError('LOG_IO', 'a record batch would be larger than 2 GiB')
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#data.length))
    this.#data.copy(larger, 0, 0, this.#dataEnd)
    this.#data = larger
  }

  #growColumns(): void {
    const capacity = 2 * this.#count
    this.#timestampMs = grown(this.#timestampMs, new Float64Array(capacity))
    this.#eventTimeMs = grown(this.#eventTimeMs, new Float64Array(capacity))
    this.#ingestUs = grown(this.#ingestUs, new Float64Array(capacity))
    this.#waitUs = grown(this.#waitUs, new Float64Array(capacity))
    this.#runUs = grown(this.#runUs, new Float64Array(capacity))
    this.#keyEnd = grown(this.#keyEnd, new Uint32Array(capacity))
    this.#valueEnd = grown(this.#valueEnd, new Uint32Array(capacity))
    this.#headersEnd = grown(this.#headersEnd, new Uint32Array(capacity))
    this.#flags = grown(this.#flags, new Uint32Array(capacity))
  }
}

const zero = new Uint32Array(1)
invariant(timeColumns.length === 5 && shapeColumns.length === 5, 'the builder fills all columns')

function grown<Column extends Float64Array | Uint32Array>(values: Column, larger: Column): Column {
  larger.set(values)
  return larger
}

/** Returns where the next column begins. */
function writeColumn(bytes: Buffer, at: number, values: Float64Array | Uint32Array): number {
  const width = values.BYTES_PER_ELEMENT
  const end = at + columnBytes(values.length, width)
  if (width === 8) new Float64Array(bytes.buffer, at, values.length).set(values)
  else {
    new Uint32Array(bytes.buffer, at, values.length).set(values)
    bytes.fill(0, at + values.byteLength, end)
  }
  return end
}
