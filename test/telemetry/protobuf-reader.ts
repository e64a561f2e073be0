/** Reads protobuf messages without their schema: by field number, what stands there. */
export type Field = bigint | Uint8Array

/** The fields of a message, each with its values in order. Fixed numbers of 32 bits come as 4 bytes. */
export function fieldsOf(bytes: Uint8Array): Map<number, Field[]> {
  const fields = new Map<number, Field[]>()
  const reader = new Reader(bytes)
  while (!reader.isAtEnd) {
    const tag = Number(reader.varint())
    const values = fields.get(tag >>> 3) ?? []
    fields.set(tag >>> 3, values)
    values.push(reader.field(tag & 7))
  }
  return fields
}

export function messagesAt(fields: Map<number, Field[]>, number: number): Map<number, Field[]>[] {
  return (fields.get(number) ?? []).map((field) => fieldsOf(bytesOf(field)))
}

export function bytesOf(field: Field | undefined): Uint8Array {
  if (field instanceof Uint8Array) return field
  if (field === undefined) return new Uint8Array(0)
  throw new Error('a number stands where a message, text or bytes should')
}

export function textAt(fields: Map<number, Field[]>, number: number): string {
  return Buffer.from(bytesOf(fields.get(number)?.at(-1))).toString('utf8')
}

export function hexAt(fields: Map<number, Field[]>, number: number): string {
  return Buffer.from(bytesOf(fields.get(number)?.at(-1))).toString('hex')
}

export function numberAt(fields: Map<number, Field[]>, number: number): bigint {
  const field = fields.get(number)?.at(-1) ?? 0n
  if (typeof field === 'bigint') return field
  throw new Error('bytes stand where a number should')
}

export function doubleOf(bits: bigint): number {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(bits)
  return bytes.readDoubleLE()
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  varint(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#bytes.readUInt8(this.#at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
  }

  field(wireType: number): Field {
    if (wireType === 0) return this.varint()
    if (wireType === 1) return this.#take(8).readBigUInt64LE()
    if (wireType === 5) return this.#take(4)
    if (wireType === 2) return this.#take(Number(this.varint()))
    throw new Error(`protobuf has no wire type ${wireType}`)
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new Error('a protobuf message ends too early')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}
