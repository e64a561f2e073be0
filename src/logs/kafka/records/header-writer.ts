import { nullHeaderLength } from '../../../core/record-batch.ts'
import type { VarintWriter } from './varint-writer.ts'
import { varintBytes } from './varint.ts'

/** Writes headers, as core encodes them, into Kafka's records; they are read where they lie. */
export class HeaderWriter {
  readonly #data: Buffer
  #start = 0
  #end = 0
  #count = 0

  constructor(data: Buffer) {
    this.#data = data
  }

  get count(): number {
    return this.#count
  }

  /** The headers between `start` and `end` are next. Returns the bytes they take, without their count. */
  moveTo(start: number, end: number): number {
    this.#start = start
    this.#end = end
    this.#count = 0
    if (start === end) return 0
    const data = this.#data
    let count = 0
    let size = 0
    for (let at = start + 2; at < end; count++) {
      const nameBytes = data.readUInt16LE(at)
      const length = data.readUInt32LE(at + 2 + nameBytes)
      const valueBytes = length === nullHeaderLength ? 0 : length
      at += 6 + nameBytes + valueBytes
      // A null value has the length -1, and so has `nullHeaderLength` as an int32.
      size += varintBytes(nameBytes) + nameBytes + varintBytes(length | 0) + valueBytes
    }
    this.#count = count
    return size
  }

  write(to: VarintWriter): void {
    const data = this.#data
    for (let at = this.#start + 2; at < this.#end;) {
      const nameEnd = at + 2 + data.readUInt16LE(at)
      const length = data.readUInt32LE(nameEnd)
      to.varint(nameEnd - at - 2)
      to.copy(data, at + 2, nameEnd)
      to.varint(length | 0)
      at = nameEnd + 4
      if (length === nullHeaderLength) continue
      to.copy(data, at, at + length)
      at += length
    }
  }
}
