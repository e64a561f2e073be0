import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { compressLz4, decompressLz4 } from './lz4-frame.ts'
import { MalformedRecords, tooLarge } from './malformed-records.ts'
import { compressSnappy, decompressSnappy } from './snappy-stream.ts'

/** By the number that stands for it in a record batch. */
export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof codecs)[number]

/** Fewer and larger pieces than by default, out of which zlib puts its result together. */
const pieceBytes = 64 * 1024
/** 2^27 bytes: the most that a frame may make the decoder remember. */
const maxZstdWindowLog = 27

export function compress(codec: Codec, bytes: Uint8Array): Uint8Array {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipSync(bytes, { chunkSize: pieceBytes })
    case 'snappy':
      return compressSnappy(bytes)
    case 'lz4':
      return compressLz4(bytes)
    case 'zstd':
      return zstdCompressSync(bytes, { chunkSize: pieceBytes })
  }
}

/** @throws MalformedRecords when the bytes are not of the codec, or would be more than `maxBytes`. */
export function decompress(codec: Codec, bytes: Uint8Array, maxBytes: number): Uint8Array {
  try {
    switch (codec) {
      case 'none':
        return bytes
      case 'gzip':
        return gunzipSync(bytes, { chunkSize: pieceBytes, maxOutputLength: maxBytes })
      case 'snappy':
        return decompressSnappy(bytes, maxBytes)
      case 'lz4':
        return decompressLz4(bytes, maxBytes)
      case 'zstd':
        return zstdDecompressSync(bytes, {
          chunkSize: pieceBytes,
          maxOutputLength: maxBytes,
          params: { [constants.ZSTD_d_windowLogMax]: maxZstdWindowLog },
        })
    }
  } catch (error) {
    if (error instanceof MalformedRecords) throw error
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE')
      throw tooLarge(maxBytes)
    throw new MalformedRecords('CORRUPT_MESSAGE', `its ${codec} data cannot be decompressed`, {
      cause: error,
    })
  }
}
