import { magnitude } from './varint.ts'

/** Below this a loop is faster than the call that copies. */
const shortBytes = 32
const growth = 1.5

/** Bytes that grow only when told to: all that is written between has to fit. */
export class VarintWriter {
  bytes: Buffer
  at = 0

  constructor(sizeBytes: number) {
    this.bytes = Buffer.allocUnsafe(sizeBytes)
  }

  /** Makes sure that so many bytes more have room. */
  reserve(sizeBytes: number): void {
    const needed = this.at + sizeBytes
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, Math.ceil(growth * this.bytes.length)))
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }

  byte(value: number): void {
    this.bytes[this.at] = value
    this.at += 1
  }

  /** An int32, zigzag. */
  varint(value: number): void {
    const { bytes } = this
    let { at } = this
    let rest = (value << 1) ^ (value >> 31)
    while ((rest & ~0x7f) !== 0) {
      bytes[at] = (rest & 0x7f) | 0x80
      at += 1
      rest >>>= 7
    }
    bytes[at] = rest
    this.at = at + 1
  }

  /** A whole number up to 2^53, zigzag. */
  varlong(value: number): void {
    if (value === (value | 0)) {
      this.varint(value)
      return
    }
    const whole = magnitude(value)
    let low = (whole % 64) * 2 + (value < 0 ? 1 : 0)
    for (let rest = Math.floor(whole / 64); rest > 0; rest = Math.floor(rest / 128)) {
      this.byte(low | 0x80)
      low = rest % 128
    }
    this.byte(low)
  }

  /** @param start where to read, up to `end`. */
  copy(source: Buffer, start: number, end: number): void {
    const { bytes, at } = this
    const size = end - start
    if (size < shortBytes) {
      for (let index = 0; index < size; index++) bytes[at + index] = source[start + index]!
    } else source.copy(bytes, at, start, end)
    this.at = at + size
  }
}
