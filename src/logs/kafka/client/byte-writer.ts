const minBytes = 64

/**
 * Writes the data types of Kafka's protocol, big-endian, into one buffer that grows. Those named
 * `compact` and the tags belong to the flexible versions of requests.
 */
export class ByteWriter {
  #buffer: Buffer
  #length = 0

  constructor(expectedBytes = 256) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(expectedBytes, minBytes))
  }

  /** What was written; the writer is not to be used after that. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  int8(value: number): this {
    const at = this.#reserve(1)
    this.#buffer.writeInt8(value, at)
    return this
  }

  int16(value: number): this {
    const at = this.#reserve(2)
    this.#buffer.writeInt16BE(value, at)
    return this
  }

  int32(value: number): this {
    const at = this.#reserve(4)
    this.#buffer.writeInt32BE(value, at)
    return this
  }

  int64(value: bigint): this {
    const at = this.#reserve(8)
    this.#buffer.writeBigInt64BE(value, at)
    return this
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  unsignedVarint(value: number): this {
    let rest = value >>> 0
    while (rest > 0x7f) {
      this.int8((((rest & 0x7f) | 0x80) << 24) >> 24)
      rest >>>= 7
    }
    return this.int8(rest)
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1)
    const length = Buffer.byteLength(value)
    return this.int16(length).#text(value, length)
  }

  compactString(value: string | null): this {
    if (value === null) return this.unsignedVarint(0)
    const length = Buffer.byteLength(value)
    return this.unsignedVarint(length + 1).#text(value, length)
  }

  array<T>(values: readonly T[], write: (value: T) => void): this {
    this.int32(values.length)
    for (const value of values) write(value)
    return this
  }

  compactArray<T>(values: readonly T[] | null, write: (value: T) => void): this {
    if (values === null) return this.unsignedVarint(0)
    this.unsignedVarint(values.length + 1)
    for (const value of values) write(value)
    return this
  }

  raw(bytes: Uint8Array): this {
    // First: it may put a larger buffer in the place of this one.
    const at = this.#reserve(bytes.length)
    this.#buffer.set(bytes, at)
    return this
  }

  /** The tagged fields of a flexible version: none. */
  noTags(): this {
    return this.unsignedVarint(0)
  }

  #text(value: string, byteLength: number): this {
    const at = this.#reserve(byteLength)
    this.#buffer.write(value, at, 'utf8')
    return this
  }

  /** @returns where the reserved bytes begin. */
  #reserve(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.#length, this.#buffer.length * 2))
      this.#buffer.copy(grown, 0, 0, at)
      this.#buffer = grown
    }
    return at
  }
}
