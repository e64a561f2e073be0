/**
 * Changelog records, one after the other: u32 key bytes, u32 value bytes or `gone`, key, value;
 * little-endian. Later records of a key replace earlier ones.
 */
const gone = 0xffffffff
const headBytes = 8
const initialBytes = 4 * 1024

/** Collects the records of a chunk. */
export class ChunkBuilder {
  #bytes = Buffer.allocUnsafeSlow(initialBytes)
  #end = 0
  #count = 0

  get count(): number {
    return this.#count
  }

  /** A view that is valid until something is appended. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#end)
  }

  /** @param value null: the entry is gone. */
  append(key: Uint8Array, value: Uint8Array | null): void {
    const keyStart = this.#end + headBytes
    const valueStart = keyStart + key.length
    const end = valueStart + (value?.length ?? 0)
    this.#reserve(end)
    this.#bytes.writeUInt32LE(key.length, this.#end)
    this.#bytes.writeUInt32LE(value?.length ?? gone, this.#end + 4)
    this.#bytes.set(key, keyStart)
    if (value !== null) this.#bytes.set(value, valueStart)
    this.#end = end
    this.#count += 1
  }

  /** A record of another chunk. */
  copy({ bytes, from, to }: RecordPlace): void {
    this.#reserve(this.#end + to - from)
    this.#end += bytes.copy(this.#bytes, this.#end, from, to)
    this.#count += 1
  }

  #reserve(end: number): void {
    if (end <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(end, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }
}

/** Where a record lies in a chunk. */
export interface RecordPlace {
  readonly bytes: Buffer
  readonly from: number
  readonly to: number
}

/** One chunk with the last record of each key; entries that are gone are left out. */
export function mergeChunks(chunks: readonly Uint8Array[]): ChunkBuilder {
  const last = new Map<string, RecordPlace | null>()
  for (const chunk of chunks) {
    scan(chunk, (bytes, { from, keyStart, valueStart, to, isGone }) => {
      // Every byte is one character: a name for the bytes, not their text.
      const key = bytes.toString('latin1', keyStart, valueStart)
      last.set(key, isGone ? null : { bytes, from, to })
    })
  }
  const merged = new ChunkBuilder()
  for (const place of last.values()) if (place !== null) merged.copy(place)
  return merged
}

/** The last record of each key as texts, without those that are gone. */
export function visitLast(
  { chunks, isMerged }: { readonly chunks: readonly Uint8Array[]; readonly isMerged: boolean },
  visit: (key: string, value: string) => void,
): void {
  if (isMerged) {
    for (const chunk of chunks) visitTexts(chunk, (key, value) => visit(key, value!))
    return
  }
  const last = new Map<string, string | null>()
  for (const chunk of chunks) visitTexts(chunk, (key, value) => last.set(key, value))
  for (const [key, value] of last) if (value !== null) visit(key, value)
}

function visitTexts(chunk: Uint8Array, visit: (key: string, value: string | null) => void): void {
  scan(chunk, (bytes, { keyStart, valueStart, to, isGone }) => {
    const value = isGone ? null : bytes.toString('utf8', valueStart, to)
    visit(bytes.toString('utf8', keyStart, valueStart), value)
  })
}

interface ScannedRecord {
  from: number
  keyStart: number
  valueStart: number
  to: number
  isGone: boolean
}

/** Calls `visit` with the place of each record, in an object that is used again for the next one. */
function scan(chunk: Uint8Array, visit: (bytes: Buffer, place: ScannedRecord) => void): void {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  const place = { from: 0, keyStart: 0, valueStart: 0, to: 0, isGone: false }
  while (place.to < bytes.length) {
    place.from = place.to
    place.keyStart = place.from + headBytes
    place.valueStart = place.keyStart + bytes.readUInt32LE(place.from)
    const length = bytes.readUInt32LE(place.from + 4)
    place.isGone = length === gone
    place.to = place.valueStart + (place.isGone ? 0 : length)
    visit(bytes, place)
  }
}
