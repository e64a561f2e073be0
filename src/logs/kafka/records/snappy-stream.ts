import { createRequire } from 'node:module'
import { loadCodec } from './load-codec.ts'
import { corrupt, tooLarge } from './malformed-records.ts'

/** What Java's SnappyOutputStream writes first: its magic, version 1, readable since version 1. */
const streamHeader = Buffer.from([
  0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1,
])
const magicBytes = 8
/** Bytes that go into one block, as in Java. */
const blockBytes = 32 * 1024
const maxPreambleBytes = 5

const require = createRequire(import.meta.url)
const requireSnappy = () => require('snappy') as Snappy

interface Snappy {
  compressSync(bytes: Uint8Array, options: { copyOutputData: boolean }): Buffer
  uncompressSync(bytes: Uint8Array, options: { copyOutputData: boolean }): Buffer
}

/** Copied, the result is an ordinary array: faster here than one that native code must free. */
const asCopy = { copyOutputData: true }

/** Blocks, each behind its length, as Java's producer writes them and every client reads them. */
export function compressSnappy(bytes: Uint8Array): Uint8Array {
  const library = loadCodec('snappy', requireSnappy)
  const parts: Uint8Array[] = [streamHeader]
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const block = library.compressSync(bytes.subarray(at, at + blockBytes), asCopy)
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

/** Java's blocks, or one bare block as other producers write it. */
export function decompressSnappy(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const library = loadCodec('snappy', requireSnappy)
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const magic = streamHeader.subarray(0, magicBytes)
  if (!source.subarray(0, magicBytes).equals(magic)) {
    checkLength(source, maxBytes)
    return library.uncompressSync(source, asCopy)
  }
  if (source.length < streamHeader.length) throw corrupt('its snappy data has no blocks')
  const blocks: Buffer[] = []
  let left = maxBytes
  for (let at = streamHeader.length; at < source.length;) {
    const start = at + 4
    if (start > source.length) throw corrupt('its snappy data ends within a block')
    at = start + source.readUInt32BE(at)
    if (at > source.length) throw corrupt('its snappy data ends within a block')
    const block = source.subarray(start, at)
    left -= checkLength(block, left)
    blocks.push(library.uncompressSync(block, asCopy))
  }
  return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks)
}

/**
 * A block begins with the length of what is in it, for which the library would find room at once.
 * @returns that length.
 */
function checkLength(block: Buffer, maxBytes: number): number {
  let length = 0
  for (let at = 0; at < maxPreambleBytes; at++) {
    const byte = block[at]
    if (byte === undefined) break
    length += (byte & 0x7f) * 2 ** (7 * at)
    if (length > maxBytes) throw tooLarge(maxBytes)
    if (byte < 0x80) return length
  }
  throw corrupt('its snappy data has a block without a length')
}
