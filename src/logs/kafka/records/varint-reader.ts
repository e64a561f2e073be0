import { corrupt } from './malformed-records.ts'

const maxVarintShift = 28
const maxVarlongBytes = 10

/**
 * A place in bytes that nobody vouches for: reading behind the end, or a number longer than its type,
 * is an error.
 */
export class VarintReader {
  readonly bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  /** A zigzag varint of 32 bits. */
  varint(): number {
    const byte = this.bytes[this.at]!
    if (byte < 0x80) {
      this.at += 1
      return (byte >>> 1) ^ -(byte & 1)
    }
    return this.#longVarint()
  }

  /** A zigzag varint of 64 bits; not exact beyond 2^53. */
  varlong(): number {
    const byte = this.bytes[this.at]!
    if (byte < 0x80) {
      this.at += 1
      return (byte >>> 1) ^ -(byte & 1)
    }
    return this.#longVarlong()
  }

  #longVarint(): number {
    const { bytes } = this
    let value = 0
    for (let shift = 0; shift <= maxVarintShift; shift += 7) {
      const byte = bytes[this.at]
      if (byte === undefined) throw corrupt('it ends within a number')
      this.at += 1
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (shift === maxVarintShift && byte > 0x0f) break
        return (value >>> 1) ^ -(value & 1)
      }
    }
    throw corrupt('a number has more than 32 bits')
  }

  #longVarlong(): number {
    const { bytes } = this
    const first = bytes[this.at]
    if (first === undefined) throw corrupt('it ends within a number')
    this.at += 1
    let whole = (first & 0x7f) >>> 1
    let weight = 64
    for (let size = 2; size <= maxVarlongBytes; size++) {
      const byte = bytes[this.at]
      if (byte === undefined) throw corrupt('it ends within a number')
      this.at += 1
      whole += (byte & 0x7f) * weight
      weight *= 128
      if (byte < 0x80) {
        if (size === maxVarlongBytes && byte > 1) break
        return (first & 1) === 0 ? whole : -whole - 1
      }
    }
    throw corrupt('a number has more than 64 bits')
  }
}
