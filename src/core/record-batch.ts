import { isAscii } from 'node:buffer'
import { PipelineError } from './errors.ts'
import type { JsonFields } from './json-fields.ts'
import type { JsonObject } from './json.ts'

export type Header = readonly [name: string, value: Uint8Array]

/** Where the parts of a batch's records lie, for logs that store records in a format of their own. */
export interface BatchLayout {
  /** Key, value and headers of each record, one after the other. */
  readonly data: Buffer
  /** Ends in `data`; a record begins where the one before it ends. */
  readonly keyEnd: Uint32Array
  readonly valueEnd: Uint32Array
  readonly headersEnd: Uint32Array
  /** Bit sets of the `flag` values. */
  readonly flags: Uint32Array
}

/**
 * The byte form of a batch, as the embedded log stores it and the Kafka log converts from:
 *
 *     0  u32  magic 'MRB1'          16  u32  byte length of the writer's id
 *     4  u32  record count          20  u32  byte length of the data area
 *     8  u32  bit c: column c is stored in full; else one value stands for all records
 *    12  u32  byte offset of the data area
 *    24  the columns of `timeColumns` (f64), then of `shapeColumns` (u32), each padded to 8 bytes;
 *        then the writer's id (-8); then the data area
 *
 * The data area holds, per record, key, value and header bytes one after the other. All numbers are
 * little-endian (Node runs on no other machine).
 */
export const batchMagic = 0x3142524d
export const batchHeaderBytes = 24

export const timeColumns = [
  /** Ingest time of the record in epoch ms (Kafka's record timestamp). */
  'timestampMs',
  /** Event time in epoch ms, NaN where none is known yet. */
  'eventTimeMs',
  /** When the record (or, after a window, the result) entered the pipeline, epoch µs. */
  'ingestUs',
  /** Waiting and running so far, µs. `ingestUs + waitUs + runUs` is when its last step ended. */
  'waitUs',
  'runUs',
] as const

export const shapeColumns = [
  /** Offset minus the batch's base offset: 0, 1, 2 ... unless compaction or a transaction left gaps. */
  'offsetDelta',
  /** Ends of key, value and headers in the data area. */
  'keyEnd',
  'valueEnd',
  'headersEnd',
  /** Bit set of the `flag` values. */
  'flags',
] as const

export const flag = {
  nullKey: 1,
  nullValue: 2,
  /** A watermark marker of the engine, never shown to users. */
  marker: 4,
} as const

/**
 * Records of one topic partition, by column, over one block of bytes: no object per record.
 * Decoding is a few typed array views; keys, values and headers are cut out when asked for.
 */
export class RecordBatch {
  readonly count: number
  /** The id of the task that wrote the batch; empty for records from outside. */
  readonly writer: string
  readonly timestampMs: Float64Array
  readonly eventTimeMs: Float64Array
  readonly ingestUs: Float64Array
  readonly waitUs: Float64Array
  readonly runUs: Float64Array
  readonly offsetDelta: Uint32Array
  /** The encoded form, which logs store as it is. */
  readonly bytes: Uint8Array
  readonly #data: Buffer
  readonly #keyEnd: Uint32Array
  readonly #valueEnd: Uint32Array
  readonly #headersEnd: Uint32Array
  readonly #flags: Uint32Array
  #isAscii: boolean | null = null

  /** @throws PipelineError LOG_CORRUPT when the bytes are no batch. */
  constructor(bytes: Uint8Array) {
    const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)
    const view = new DataView(aligned.buffer, aligned.byteOffset, aligned.byteLength)
    if (aligned.byteLength < batchHeaderBytes || view.getUint32(0, true) !== batchMagic) {
      throw new PipelineError('LOG_CORRUPT', 'the bytes do not start as a record batch')
    }
    this.count = view.getUint32(4, true)
    const full = view.getUint32(8, true)
    const dataStart = view.getUint32(12, true)
    const writerBytes = view.getUint32(16, true)
    const dataBytes = view.getUint32(20, true)
    if (dataStart + dataBytes !== aligned.byteLength) {
      throw new PipelineError(
        'LOG_CORRUPT',
        `a record batch of ${dataStart + dataBytes} bytes has ${aligned.byteLength}`,
      )
    }
    const reader = new ColumnReader(aligned, { count: this.count, full })
    this.timestampMs = reader.nextTimes()
    this.eventTimeMs = reader.nextTimes()
    this.ingestUs = reader.nextTimes()
    this.waitUs = reader.nextTimes()
    this.runUs = reader.nextTimes()
    this.offsetDelta = reader.nextSequence()
    this.#keyEnd = reader.nextShape()
    this.#valueEnd = reader.nextShape()
    this.#headersEnd = reader.nextShape()
    this.#flags = reader.nextShape()
    const buffer = Buffer.from(aligned.buffer, aligned.byteOffset, aligned.byteLength)
    this.writer = buffer.toString('utf8', dataStart - writerBytes, dataStart)
    this.#data = buffer.subarray(dataStart)
    this.bytes = aligned
  }

  /** Whether all keys, values and headers are ASCII: their text is then cheaper to make. */
  get isAscii(): boolean {
    this.#isAscii ??= isAscii(this.#data)
    return this.#isAscii
  }

  isMarker(index: number): boolean {
    return (this.#flags[index]! & flag.marker) !== 0
  }

  /** A view, not a copy: valid as long as the batch's bytes are. */
  key(index: number): Uint8Array | null {
    if ((this.#flags[index]! & flag.nullKey) !== 0) return null
    return this.#data.subarray(this.#start(index), this.#keyEnd[index])
  }

  keyText(index: number): string | null {
    if ((this.#flags[index]! & flag.nullKey) !== 0) return null
    return this.#data.toString('utf8', this.#start(index), this.#keyEnd[index])
  }

  value(index: number): Uint8Array | null {
    if ((this.#flags[index]! & flag.nullValue) !== 0) return null
    return this.#data.subarray(this.#keyEnd[index], this.#valueEnd[index])
  }

  valueText(index: number): string | null {
    if ((this.#flags[index]! & flag.nullValue) !== 0) return null
    const encoding = this.isAscii ? 'latin1' : 'utf8'
    return this.#data.toString(encoding, this.#keyEnd[index], this.#valueEnd[index])
  }

  /** Some fields of a value that is a JSON object; null where only the full decoder can tell. */
  fields(index: number, fields: JsonFields): JsonObject | null {
    if ((this.#flags[index]! & flag.nullValue) !== 0) return null
    return fields.read(this.#data, this.#keyEnd[index]!, this.#valueEnd[index]!)
  }

  /** The encoded headers, to hand on unread; empty when there are none. */
  headerBytes(index: number): Uint8Array {
    if (this.#valueEnd[index] === this.#headersEnd[index]) return emptyBytes
    return this.#data.subarray(this.#valueEnd[index], this.#headersEnd[index])
  }

  headers(index: number): Header[] {
    return this.#valueEnd[index] === this.#headersEnd[index]
      ? []
      : decodeHeaders(this.headerBytes(index))
  }

  /** Bytes of key, value and headers. */
  sizeBytes(index: number): number {
    return this.#headersEnd[index]! - this.#start(index)
  }

  get dataBytes(): number {
    return this.#data.length
  }

  get layout(): BatchLayout {
    return {
      data: this.#data,
      keyEnd: this.#keyEnd,
      valueEnd: this.#valueEnd,
      headersEnd: this.#headersEnd,
      flags: this.#flags,
    }
  }

  #start(index: number): number {
    return index === 0 ? 0 : this.#headersEnd[index - 1]!
  }
}

class ColumnReader {
  readonly #bytes: Uint8Array
  readonly #count: number
  readonly #full: number
  #column = 0
  #at = batchHeaderBytes

  constructor(bytes: Uint8Array, shape: { count: number; full: number }) {
    this.#bytes = bytes
    this.#count = shape.count
    this.#full = shape.full
  }

  nextTimes(): Float64Array {
    const { stored, at } = this.#next(8)
    const view = new Float64Array(this.#bytes.buffer, at, stored)
    return stored === this.#count ? view : new Float64Array(this.#count).fill(view[0]!)
  }

  nextShape(): Uint32Array {
    const { stored, at } = this.#next(4)
    const view = new Uint32Array(this.#bytes.buffer, at, stored)
    return stored === this.#count ? view : new Uint32Array(this.#count).fill(view[0]!)
  }

  /** As `nextShape`, but a column stored as one value means 0, 1, 2 ... */
  nextSequence(): Uint32Array {
    const isFull = this.#isFull()
    const values = this.nextShape()
    return isFull ? values : values.map((_, index) => index)
  }

  #isFull(): boolean {
    return (this.#full & (1 << this.#column)) !== 0
  }

  #next(width: number): { stored: number; at: number } {
    const stored = this.#isFull() ? this.#count : 1
    const at = this.#bytes.byteOffset + this.#at
    this.#at += columnBytes(stored, width)
    this.#column += 1
    if (this.#at > this.#bytes.byteLength) {
      throw new PipelineError('LOG_CORRUPT', 'a record batch is shorter than its columns')
    }
    return { stored, at }
  }
}

/** Bytes that a column takes: its numbers, padded so that the next one starts 8-aligned. */
export function columnBytes(stored: number, width: number): number {
  return Math.ceil((stored * width) / 8) * 8
}

/** A header whose value may be given as text, which is written as UTF-8. */
export type WrittenHeader = readonly [name: string, value: Uint8Array | string]

/** The count of encoded headers that says: count them. */
export const uncountedHeaders = 0xffff
/** The value length of a header whose value is null. */
export const nullHeaderLength = 0xffffffff

/**
 * The value of a header that is null, as only Kafka has them. It reads as an empty value; a header that
 * still has this very array is written as null again.
 */
export const nullHeaderValue: Uint8Array = new Uint8Array(0)

/**
 * u16 count, or `uncountedHeaders` for that many and more; then per header: u16 name length, name,
 * u32 value length or `nullHeaderLength`, value.
 */
export function encodeHeaders(headers: readonly WrittenHeader[]): Uint8Array {
  if (headers.length === 0) return emptyBytes
  let size = 2
  for (const [name, value] of headers)
    size += 6 + Buffer.byteLength(name) + Buffer.byteLength(value)
  const bytes = Buffer.allocUnsafe(size)
  let at = bytes.writeUInt16LE(Math.min(headers.length, uncountedHeaders), 0)
  for (const [name, value] of headers) {
    const nameLength = bytes.write(name, at + 2)
    bytes.writeUInt16LE(nameLength, at)
    at += 2 + nameLength
    const valueLength = typeof value === 'string' ? bytes.write(value, at + 4) : value.length
    if (typeof value !== 'string') bytes.set(value, at + 4)
    bytes.writeUInt32LE(value === nullHeaderValue ? nullHeaderLength : valueLength, at)
    at += 4 + valueLength
  }
  return bytes
}

/** Encoded headers and more of them, whose own bytes stay what they are, also names that are no UTF-8. */
export function appendHeaders(encoded: Uint8Array, more: readonly WrittenHeader[]): Uint8Array {
  if (encoded.length === 0) return encodeHeaders(more)
  if (more.length === 0) return encoded
  const added = encodeHeaders(more)
  const bytes = Buffer.concat([encoded, added.subarray(2)])
  const count = bytes.readUInt16LE(0)
  if (count !== uncountedHeaders)
    bytes.writeUInt16LE(Math.min(count + more.length, uncountedHeaders), 0)
  return bytes
}

/** Encoded headers but for the last one, if that has this name; the others stay byte for byte. */
export function withoutLastHeader(encoded: Uint8Array, name: string): Uint8Array {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength)
  let last = 0
  for (let at = 2; at < bytes.length;) {
    last = at
    const nameEnd = at + 2 + bytes.readUInt16LE(at)
    const length = bytes.readUInt32LE(nameEnd)
    at = nameEnd + 4 + (length === nullHeaderLength ? 0 : length)
  }
  if (last === 0) return encoded
  if (bytes.toString('utf8', last + 2, last + 2 + bytes.readUInt16LE(last)) !== name) return encoded
  if (last === 2) return emptyBytes
  const kept = Buffer.from(bytes.subarray(0, last))
  const count = kept.readUInt16LE(0)
  if (count !== uncountedHeaders) kept.writeUInt16LE(count - 1, 0)
  return kept
}

/** The first so many of encoded headers, byte for byte. */
export function firstHeaders(encoded: Uint8Array, count: number): Uint8Array {
  if (count === 0) return emptyBytes
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength)
  let end = 2
  for (let index = 0; index < count && end < bytes.length; index++) {
    const nameEnd = end + 2 + bytes.readUInt16LE(end)
    const length = bytes.readUInt32LE(nameEnd)
    end = nameEnd + 4 + (length === nullHeaderLength ? 0 : length)
  }
  const kept = Buffer.from(bytes.subarray(0, end))
  kept.writeUInt16LE(Math.min(count, uncountedHeaders), 0)
  return kept
}

export function decodeHeaders(encoded: Uint8Array): Header[] {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength)
  const headers: Header[] = []
  // The count is of no use here: the bytes end where the headers end.
  for (let at = 2; at < bytes.length;) {
    const nameEnd = at + 2 + bytes.readUInt16LE(at)
    const name = bytes.toString('utf8', at + 2, nameEnd)
    const length = bytes.readUInt32LE(nameEnd)
    at = nameEnd + 4 + (length === nullHeaderLength ? 0 : length)
    headers.push([
      name,
      length === nullHeaderLength ? nullHeaderValue : bytes.subarray(nameEnd + 4, at),
    ])
  }
  return headers
}

export const emptyBytes: Uint8Array = new Uint8Array(0)

/** A batch of no records, which is never stored. */
export function emptyBatch(): RecordBatch {
  const columnsBytes = timeColumns.length * 8 + shapeColumns.length * columnBytes(1, 4)
  const bytes = Buffer.alloc(batchHeaderBytes + columnsBytes)
  bytes.writeUInt32LE(batchMagic, 0)
  bytes.writeUInt32LE(bytes.length, 12)
  return new RecordBatch(bytes)
}
