/** The bytes of an answer are not what the protocol says. */
export class MalformedAnswer extends Error {
  override readonly name = 'MalformedAnswer'
}

const maxVarintBytes = 5

/**
 * Reads the data types of Kafka's protocol, big-endian. The bytes may come from anybody: a length or
 * count that the rest cannot hold is a `MalformedAnswer`, before anything is allocated for it.
 */
export class ByteReader {
  readonly #buffer: Buffer
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  get left(): number {
    return this.#buffer.length - this.#at
  }

  int8(): number {
    return this.#buffer.readInt8(this.#take(1))
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#take(4))
  }

  int64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8))
  }

  boolean(): boolean {
    return this.int8() !== 0
  }

  unsignedVarint(): number {
    let value = 0
    for (let i = 0; i < maxVarintBytes; i++) {
      const byte = this.#buffer[this.#take(1)]!
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) return value
    }
    throw new MalformedAnswer(`a variable-length integer has more than ${maxVarintBytes} bytes`)
  }

  string(): string {
    return this.nullableString() ?? ''
  }

  nullableString(): string | null {
    const length = this.int16()
    return length === -1 ? null : this.#text(length)
  }

  compactString(): string {
    return this.compactNullableString() ?? ''
  }

  compactNullableString(): string | null {
    const length = this.unsignedVarint() - 1
    return length === -1 ? null : this.#text(length)
  }

  /** A topic's id; null where it is not set. */
  uuid(): string | null {
    const at = this.#take(16)
    const bytes = this.#buffer.subarray(at, at + 16)
    return bytes.every((byte) => byte === 0) ? null : bytes.toString('base64url')
  }

  /** A view of the answer, not a copy. Null bytes are empty ones. */
  bytes(): Uint8Array {
    const length = this.int32()
    const at = this.#take(length === -1 ? 0 : length)
    return this.#buffer.subarray(at, this.#at)
  }

  /** @param minElementBytes the least that one element takes: bounds the count. */
  array<T>(minElementBytes: number, read: () => T): T[] {
    return this.#elements(this.int32(), minElementBytes, read)
  }

  compactArray<T>(minElementBytes: number, read: () => T): T[] {
    return this.#elements(this.unsignedVarint() - 1, minElementBytes, read)
  }

  skipTags(): void {
    for (let count = this.unsignedVarint(); count > 0; count--) {
      this.unsignedVarint()
      this.#take(this.unsignedVarint())
    }
  }

  #elements<T>(count: number, minElementBytes: number, read: () => T): T[] {
    if (count === -1) return []
    if (count < 0 || count * minElementBytes > this.left) {
      throw new MalformedAnswer(`${count} elements do not fit into the ${this.left} bytes left`)
    }
    const elements: T[] = []
    for (let i = 0; i < count; i++) elements.push(read())
    return elements
  }

  #text(length: number): string {
    const at = this.#take(length)
    return this.#buffer.toString('utf8', at, at + length)
  }

  /** @returns where the taken bytes begin. */
  #take(count: number): number {
    if (count < 0 || count > this.left) {
      throw new MalformedAnswer(`${count} bytes do not fit into the ${this.left} left`)
    }
    const at = this.#at
    this.#at += count
    return at
  }
}
