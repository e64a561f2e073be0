import {
  eventTime,
  exactBytes,
  fixedBytes,
  head,
  maxUs,
  maxWriterBytes,
  timingHeaderName,
  timingNameBytes,
  timingVersion,
} from './timing-format.ts'

const name = Buffer.from(timingHeaderName)
/** A span of at most 2^51 has no more. */
const maxSpanBytes = 8

/** What the last timing header says that was read; one object for all records of a batch. */
export class TimingReader {
  eventTimeMs = Number.NaN
  ingestUs = 0
  waitUs = 0
  runUs = 0
  isMarker = false
  /** Where the writing task's id lies in the bytes. */
  writerStart = 0
  writerEnd = 0
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  isName(start: number, size: number): boolean {
    if (size !== timingNameBytes) return false
    const bytes = this.#bytes
    for (let index = 0; index < timingNameBytes; index++) {
      if (bytes[start + index] !== name[index]) return false
    }
    return true
  }

  /** False where the value is not one that `TimingWriter` writes; it never throws. */
  read(start: number, end: number): boolean {
    if (end - start < fixedBytes) return false
    const bytes = this.#bytes
    const first = bytes[start]!
    if ((first & (head.version | head.reserved)) !== timingVersion) return false
    const high = bytes[start + 5]! | (bytes[start + 6]! << 8) | (bytes[start + 7]! << 16)
    this.ingestUs = this.#view.getUint32(start + 1, true) + high * 2 ** 32
    this.isMarker = (first & head.marker) !== 0
    this.#at = start + fixedBytes
    this.eventTimeMs = this.#eventTime(first & head.eventTime, end)
    this.waitUs = this.#span(end)
    this.runUs = this.#span(end)
    this.writerStart = this.#at
    this.writerEnd = end
    const isWhole = !Number.isNaN(this.waitUs) && !Number.isNaN(this.runUs)
    return isWhole && this.ingestUs <= maxUs && end - this.#at <= maxWriterBytes
  }

  #eventTime(kind: number, end: number): number {
    const at = this.#at
    switch (kind) {
      case eventTime.none:
        return Number.NaN
      case eventTime.whole:
        return Math.floor(this.ingestUs / 1_000) + this.#span(end)
      case eventTime.exact:
        this.#at = Math.min(at + exactBytes, end)
        return this.#at - at === exactBytes ? this.#view.getFloat64(at, true) : Number.NaN
      default:
        this.#at = end
        return Number.NaN
    }
  }

  /** A zigzag varint; NaN, and no way on, where there is none. */
  #span(end: number): number {
    const bytes = this.#bytes
    const start = this.#at
    let whole = 0
    let weight = 0.5
    for (let at = start; at < end && at - start < maxSpanBytes; at++) {
      const byte = bytes[at]!
      whole += (byte & 0x7f) * weight
      weight *= 128
      if (byte < 0x80) {
        this.#at = at + 1
        return whole === Math.floor(whole) ? whole : -Math.floor(whole) - 1
      }
    }
    this.#at = end
    return Number.NaN
  }
}
