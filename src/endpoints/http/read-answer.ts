import type { Readable, Transform } from 'node:stream'
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib'
import { Buffer } from 'node:buffer'

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

/**
 * The body of an answer, decompressed as `content-encoding` says where that is known, and cut off at
 * `maxBytes`: what comes behind is neither read nor decompressed. Ends and errors of the body go through.
 */
export async function readBody(
  body: Readable,
  encoding: string | undefined,
  maxBytes: number,
): Promise<{ readonly bytes: Uint8Array; readonly isCut: boolean }> {
  const decoder = decoders[encoding?.trim().toLowerCase() ?? '']?.()
  const stream = decoder === undefined ? body : body.pipe(decoder)
  if (decoder !== undefined) body.on('error', (error) => decoder.destroy(error))
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for await (const part of stream as AsyncIterable<Uint8Array>) {
      const room = maxBytes - length
      if (part.length > room) {
        parts.push(part.subarray(0, room))
        return { bytes: Buffer.concat(parts), isCut: true }
      }
      parts.push(part)
      length += part.length
    }
    return { bytes: Buffer.concat(parts), isCut: false }
  } finally {
    // Of a body that was read to its end this does nothing; else it closes the connection.
    body.destroy()
    decoder?.destroy()
  }
}
