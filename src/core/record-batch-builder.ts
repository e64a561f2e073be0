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
const maxDataBytes = 2 ** 31
const maxBytesPerChar = 3

/** Collects records for one topic partition and encodes them as a `RecordBatch`. Reusable after `finish`. */
export class RecordBatchBuilder {
  readonly #writer: Buffer
  #data = Buffer.allocUnsafeSlow(initialDataBytes)
  #dataEnd = 0
  #count = 0
  readonly #times: NumberColumn[] = timeColumns.map(() => new NumberColumn())
  readonly #shape: NumberColumn[] = shapeColumns.map(() => new NumberColumn())

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
    const { times } = record
    const [timestampMs, eventTimeMs, ingestUs, waitUs, runUs] = this.#times as FiveColumns
    timestampMs.push(times.timestampMs)
    eventTimeMs.push(times.eventTimeMs)
    ingestUs.push(times.ingestUs)
    waitUs.push(times.waitUs)
    runUs.push(times.runUs)
    const [offsetDelta, keyEnd, valueEnd, headersEnd, flags] = this.#shape as FiveColumns
    offsetDelta.push(this.#count)
    keyEnd.push(this.#write(record.key))
    valueEnd.push(this.#write(record.value))
    headersEnd.push(this.#write(record.headers))
    flags.push(
      (record.key === null ? flag.nullKey : 0) |
        (record.value === null ? flag.nullValue : 0) |
        (record.marker === true ? flag.marker : 0),
    )
    this.#count += 1
  }

  /** For a log with gaps in its offsets: the delta of the record appended last. */
  setOffsetDelta(delta: number): void {
    this.#shape[0]!.replaceLast(delta)
  }

  /** The batch so far, encoded; the builder is empty afterwards. */
  finish(): RecordBatch {
    invariant(this.#count > 0, 'an empty batch is never written')
    const layout = this.#layout()
    const bytes = Buffer.allocUnsafeSlow(layout.dataStart + this.#dataEnd)
    bytes.writeUInt32LE(batchMagic, 0)
    bytes.writeUInt32LE(this.#count, 4)
    bytes.writeUInt32LE(layout.full, 8)
    bytes.writeUInt32LE(layout.dataStart, 12)
    bytes.writeUInt32LE(this.#writer.length, 16)
    bytes.writeUInt32LE(this.#dataEnd, 20)
    let at = batchHeaderBytes
    let column = 0
    for (const values of this.#times) {
      const stored = (layout.full & (1 << column++)) === 0 ? 1 : this.#count
      new Float64Array(bytes.buffer, at, stored).set(values.view(stored))
      at += columnBytes(stored, 8)
    }
    for (const values of this.#shape) {
      const stored = (layout.full & (1 << column++)) === 0 ? 1 : this.#count
      new Uint32Array(bytes.buffer, at, stored).set(values.view(stored))
      bytes.fill(0, at + 4 * stored, at + columnBytes(stored, 4))
      at += columnBytes(stored, 4)
    }
    invariant(
      at + this.#writer.length === layout.dataStart,
      'the columns end where the layout says',
    )
    this.#writer.copy(bytes, at)
    this.#data.copy(bytes, layout.dataStart, 0, this.#dataEnd)
    this.#reset()
    return new RecordBatch(bytes)
  }

  #layout(): { full: number; dataStart: number } {
    let full = 0
    let bytes = batchHeaderBytes
    for (const [column, values] of this.#times.entries()) {
      if (!values.isConstant()) full |= 1 << column
      bytes += columnBytes(values.isConstant() ? 1 : this.#count, 8)
    }
    for (const [index, values] of this.#shape.entries()) {
      const isOneValue = index === 0 ? values.isSequence() : values.isConstant()
      if (!isOneValue) full |= 1 << (timeColumns.length + index)
      bytes += columnBytes(isOneValue ? 1 : this.#count, 4)
    }
    return { full, dataStart: bytes + this.#writer.length }
  }

  /** Returns the end of the written bytes in the data area. */
  #write(part: Uint8Array | string | null): number {
    if (part === null) return this.#dataEnd
    const size = typeof part === 'string' ? part.length * maxBytesPerChar : part.length
    if (this.#dataEnd + size > this.#data.length) this.#grow(this.#dataEnd + size)
    if (typeof part === 'string') this.#dataEnd += this.#data.write(part, this.#dataEnd, 'utf8')
    else {
      this.#data.set(part, this.#dataEnd)
      this.#dataEnd += part.length
    }
    return this.#dataEnd
  }

  #grow(needed: number): void {
    if (needed > maxDataBytes)
      throw new PipelineError('LOG_IO', 'a record batch would be larger than 2 GiB')
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#data.length))
    this.#data.copy(larger, 0, 0, this.#dataEnd)
    this.#data = larger
  }

  #reset(): void {
    this.#count = 0
    this.#dataEnd = 0
    for (const column of this.#times) column.reset()
    for (const column of this.#shape) column.reset()
  }
}

type FiveColumns = [NumberColumn, NumberColumn, NumberColumn, NumberColumn, NumberColumn]

/** A growing column of numbers that knows whether it is constant (NaN equals NaN here). */
class NumberColumn {
  #values = new Float64Array(512)
  #count = 0
  #constant = true
  #sequence = true

  push(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(2 * this.#count)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#count] = value
    this.#note(this.#count)
    this.#count += 1
  }

  replaceLast(value: number): void {
    invariant(this.#count > 0, 'nothing was appended yet')
    this.#values[this.#count - 1] = value
    this.#note(this.#count - 1)
  }

  isConstant(): boolean {
    return this.#constant
  }

  /** Whether the values are 0, 1, 2 ... */
  isSequence(): boolean {
    return this.#sequence
  }

  view(count: number): Float64Array {
    return this.#values.subarray(0, count)
  }

  reset(): void {
    this.#count = 0
    this.#constant = true
    this.#sequence = true
  }

  #note(index: number): void {
    const value = this.#values[index]!
    const first = this.#values[0]!
    if (value !== first && !(Number.isNaN(value) && Number.isNaN(first))) this.#constant = false
    if (value !== index) this.#sequence = false
  }
}
