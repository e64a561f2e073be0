import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'
import { errnoOf } from '../file-error.ts'
import { BodyProblem } from './body-problem.ts'

const decoders: Readonly<
  Record<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>
> = {
  gzip: promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip),
  'x-gzip': promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip),
  deflate: promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate),
  br: promisify<Buffer, { maxOutputLength: number }, Buffer>(brotliDecompress),
  zstd: promisify<Buffer, { maxOutputLength: number }, Buffer>(zstdDecompress),
}

export function isKnownEncoding(encoding: string | undefined): boolean {
  return encoding === undefined || encoding === 'identity' || decoders[encoding] !== undefined
}

/** Bytes of bodies that are on their way or wait, of all requests together. */
export interface BodyMeter {
  bytes: number
}

export interface BodyHandlers {
  /** The whole body, as it came. */
  readonly whole: (body: Buffer) => void
  /** It is longer than allowed. */
  readonly tooLong: () => void
  /** The client went away in the middle of it. */
  readonly gone: () => void
}

/**
 * Collects the body of a request, and counts its bytes in the meter until it is whole or given up. Calls
 * back exactly once. No promise: this runs for every request.
 */
export function readBody(
  request: IncomingMessage,
  { maxBytes, meter }: { readonly maxBytes: number; readonly meter: BodyMeter },
  handlers: BodyHandlers,
): void {
  let first: Buffer | null = null
  let parts: Buffer[] | null = null
  let length = 0
  let isOver = false
  const over = () => {
    isOver = true
    meter.bytes -= length
  }
  request.on('data', (part: Buffer) => {
    if (isOver) return
    length += part.length
    meter.bytes += part.length
    if (length > maxBytes) {
      over()
      parts = null
      handlers.tooLong()
    } else if (first === null) first = part
    else (parts ??= [first]).push(part)
  })
  request.on('end', () => {
    if (isOver) return
    over()
    handlers.whole(parts === null ? (first ?? Buffer.alloc(0)) : Buffer.concat(parts, length))
  })
  const gone = () => {
    if (isOver) return
    over()
    handlers.gone()
  }
  request.on('error', gone)
  request.on('close', gone)
}

/** @throws BodyProblem 400, 413 */
export async function decompressed(
  body: Buffer,
  encoding: string,
  maxBytes: number,
): Promise<Buffer> {
  try {
    return await decoders[encoding]!(body, { maxOutputLength: maxBytes })
  } catch (thrown) {
    if (errnoOf(thrown) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes)
    throw new BodyProblem(400, 'encoding', `the body is not compressed with ${encoding}`)
  }
}

export function tooLarge(maxBytes: number): BodyProblem {
  return new BodyProblem(
    413,
    'too_large',
    `the body is larger than ${maxBytes} bytes, which is the most that is taken here (max_body)`,
  )
}
