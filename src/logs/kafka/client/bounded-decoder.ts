import Decoder from 'kafkajs/src/protocol/decoder.js'
import { MalformedAnswer } from './byte-reader.ts'

/**
 * The one place where a part of kafkajs is replaced: its decoder, which all its answers are read with,
 * trusts the lengths that it reads. A negative one moves it backwards, so that an array whose count
 * is as large as can be is read for minutes, from a few bytes. There is no other way in: each answer
 * makes a decoder of its own.
 */
export function boundDecoder(): void {
  Object.assign(Decoder.prototype, { readString, readBytes, readArray, readArrayAsync })
}

function readString(this: Decoder): string | null {
  return take(this, this.readInt16())?.toString('utf8') ?? null
}

/** Called with a length, or for bytes that begin with theirs. */
function readBytes(this: Decoder, length?: number): Buffer | null {
  return take(this, length ?? this.readInt32())
}

function readArray<T>(this: Decoder, read: (decoder: Decoder) => T): T[] {
  const elements: T[] = []
  for (let count = countOf(this); count > 0; count--) elements.push(read(this))
  return elements
}

async function readArrayAsync<T>(
  this: Decoder,
  read: (decoder: Decoder) => Promise<T> | T,
): Promise<T[]> {
  const elements: T[] = []
  for (let count = countOf(this); count > 0; count--) elements.push(await read(this))
  return elements
}

/** null for a length of -1. */
function take(decoder: Decoder, length: number): Buffer | null {
  if (length === -1) return null
  const { buffer, offset } = decoder
  if (length < 0 || length > buffer.length - offset) {
    throw new MalformedAnswer(`${length} bytes do not fit into the ${buffer.length - offset} left`)
  }
  decoder.offset += length
  return buffer.subarray(offset, offset + length)
}

/** No element takes less than one byte. */
function countOf(decoder: Decoder): number {
  const count = decoder.readInt32()
  const left = decoder.buffer.length - decoder.offset
  if (count < -1 || count > left) {
    throw new MalformedAnswer(`${count} elements do not fit into the ${left} bytes left`)
  }
  return Math.max(count, 0)
}
