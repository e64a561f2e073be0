import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { compressFrameSync } from 'lz4-napi'
import { compressSync } from 'snappy'
import { describe, expect, it } from 'vitest'
import { codecs, compress, decompress } from '../../../../src/logs/kafka/records/codec.ts'

const packing = codecs.filter((codec) => codec !== 'none')
const mebibyte = 2 ** 20
const tooLarge = expect.objectContaining({ code: 'RECORD_LIST_TOO_LARGE' })
const corrupt = expect.objectContaining({ code: 'CORRUPT_MESSAGE' })

const content = fc.oneof(
  fc.uint8Array({ maxLength: 500 }),
  fc.uint8Array({ minLength: 1, maxLength: 40, size: 'max' }).map((part) => {
    const bytes = Buffer.alloc(200_000)
    for (let at = 0; at < bytes.length; at += part.length)
      bytes.set(part.subarray(0, bytes.length - at), at)
    return bytes
  }),
)

describe.each(packing)('%s', (codec) => {
  it('gives back what it packed', () => {
    fc.assert(
      fc.property(content, (bytes) => {
        const unpacked = decompress(codec, compress(codec, bytes), 200_000)
        expect(Buffer.compare(unpacked, bytes)).toBe(0)
      }),
      { numRuns: 50 },
    )
  })

  it('never unpacks more than the limit, however small the bytes were', () => {
    const bomb = compress(codec, Buffer.alloc(64 * mebibyte))
    const before = process.memoryUsage().rss
    for (let time = 0; time < 20; time++)
      expect(() => decompress(codec, bomb, mebibyte)).toThrow(tooLarge)
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * mebibyte)
  })

  it('takes exactly the limit', () => {
    const packed = compress(codec, Buffer.alloc(65_536, 'millrace'))
    expect(decompress(codec, packed, 65_536)).toHaveLength(65_536)
    expect(() => decompress(codec, packed, 65_535)).toThrow(tooLarge)
  })

  it('refuses bytes that are cut or not its own', () => {
    const packed = compress(codec, Buffer.from('record '.repeat(100)))
    for (let size = 0; size < packed.length; size++) {
      // A stream of snappy blocks may end behind any of them, and so has no bytes at its start.
      if (codec === 'snappy' && size === 16) continue
      expect(() => decompress(codec, packed.subarray(0, size), mebibyte)).toThrow(corrupt)
    }
    expect(() => decompress(codec, Buffer.from('no such thing'), mebibyte)).toThrow()
  })

  it('does not break or hang over damaged bytes', () => {
    const packed = Buffer.from(compress(codec, Buffer.from('record '.repeat(100))))
    fc.assert(
      fc.property(fc.nat(packed.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(packed)
        damaged[at] = byte
        try {
          expect(decompress(codec, damaged, mebibyte).length).toBeLessThanOrEqual(mebibyte)
        } catch (error) {
          expect(error).toMatchObject({ name: 'MalformedRecords' })
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}

describe('decompressing', () => {
  it('reads a bare snappy block, as librdkafka writes it', () => {
    const bytes = Buffer.from('record '.repeat(10_000))
    expect(decompress('snappy', compressSync(bytes), mebibyte)).toEqual(bytes)
    expect(() => decompress('snappy', compressSync(bytes), 1_000)).toThrow(tooLarge)
  })

  it('does not believe the length that a snappy block gives', () => {
    const bytes = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x61])
    expect(() => decompress('snappy', bytes, mebibyte)).toThrow(tooLarge)
  })

  it('reads lz4 frames with checksums, which other producers may write', () => {
    const bytes = Buffer.from('record '.repeat(100_000))
    for (const options of [{ contentChecksum: true }, { blockChecksums: true }]) {
      const frame = compressFrameSync(bytes, options)
      expect(decompress('lz4', frame, bytes.length)).toEqual(bytes)
      expect(() => decompress('lz4', frame, bytes.length - 1)).toThrow(tooLarge)
      const damaged = Buffer.from(frame)
      damaged[20]! ^= 1
      expect(() => decompress('lz4', damaged, mebibyte)).toThrow(corrupt)
    }
  })

  it('reads lz4 frames whose blocks build on each other', () => {
    const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0xc0])
    const stored = Buffer.from('twelve bytes')
    // 12 bytes from 12 bytes before, which lie in the other block; then 5 as they are.
    const linked = Buffer.from([0x08, 12, 0, 0x50, ...Buffer.from('tail!')])
    const blocks = [u32(0x8000000c), stored, u32(linked.length), linked]
    const frame = Buffer.concat([header, ...blocks, u32(0)])
    expect(text(decompress('lz4', frame, 29))).toBe('twelve bytestwelve bytestail!')
    expect(() => decompress('lz4', frame, 28)).toThrow(tooLarge)
  })

  it('reads lz4 frames that say how long their content is', () => {
    const header = [0x04, 0x22, 0x4d, 0x18, 0x68, 0x40, ...u32(6), ...u32(0), 0]
    const frame = Buffer.from([...header, ...u32(0x80000006), ...Buffer.from('record'), ...u32(0)])
    expect(text(decompress('lz4', frame, 100))).toBe('record')
  })

  it('finds the end of the frame in front of what follows it', () => {
    const lz4 = Buffer.concat([compress('lz4', Buffer.from('record')), Buffer.alloc(100, 7)])
    expect(text(decompress('lz4', lz4, 100))).toBe('record')
    const other = compressFrameSync(Buffer.from('record'), { contentChecksum: true })
    expect(text(decompress('lz4', Buffer.concat([other, other]), 100))).toBe('record')
  })

  it('adds up frames that follow each other', () => {
    const part = Buffer.alloc(mebibyte)
    const gzip = Buffer.concat([gzipSync(part), gzipSync(part)])
    const zstd = Buffer.concat([zstdCompressSync(part), zstdCompressSync(part)])
    expect(() => decompress('gzip', gzip, 1.5 * mebibyte)).toThrow(tooLarge)
    expect(() => decompress('zstd', zstd, 1.5 * mebibyte)).toThrow(tooLarge)
  })
})
