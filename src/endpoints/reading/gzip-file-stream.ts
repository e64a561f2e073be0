import type { FileHandle } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { messageOf, PipelineError } from '../../core/errors.ts'
import { errnoOf } from '../file-error.ts'
import { endOfStream, readAborted, type ByteStream } from './byte-stream.ts'
import { ReadableByteStream } from './readable-stream.ts'

const decompressedChunkBytes = 256 * 1024

/** The decompressed bytes of a gzip file (of all its members), up to a cap. */
export class GzipFileStream implements ByteStream {
  readonly #path: string
  readonly #maxBytes: number
  readonly #stream: ReadableByteStream
  readonly #input: { destroy(): unknown }
  #skip: number
  #bytes = 0

  /** @param position in the decompressed bytes; they are decompressed and dropped up to there. */
  constructor(handle: FileHandle, path: string, options: { position: number; maxBytes: number }) {
    this.#path = path
    this.#maxBytes = options.maxBytes
    this.#skip = options.position
    const gunzip = createGunzip({ chunkSize: decompressedChunkBytes })
    const input = handle.createReadStream({ start: 0, highWaterMark: 64 * 1024 })
    input.on('error', (thrown) => gunzip.destroy(thrown))
    input.pipe(gunzip)
    this.#input = input
    this.#stream = new ReadableByteStream(gunzip, (thrown) => this.#errorFor(thrown))
  }

  async read(into: Buffer, at: number, signal: AbortSignal): Promise<number> {
    for (;;) {
      const count = await this.#stream.read(into, at, signal)
      if (count === endOfStream || count === readAborted) return count
      const room = this.#maxBytes - this.#bytes
      // One byte more than allowed proves that there is too much; up to there everything is read.
      if (room <= 0) throw this.#tooLarge()
      const taken = Math.min(count, room)
      this.#bytes += taken
      const dropped = Math.min(this.#skip, taken)
      this.#skip -= dropped
      if (taken === dropped) continue
      if (dropped > 0) into.copyWithin(at, at + dropped, at + taken)
      return taken - dropped
    }
  }

  isReady(): boolean {
    return true
  }

  async close(): Promise<void> {
    await this.#stream.close()
    this.#input.destroy()
  }

  #tooLarge(): PipelineError {
    return new PipelineError(
      'FILE_FAILED',
      `reading ${this.#path}: it decompresses to more than max_decompressed (${this.#maxBytes} bytes); raise max_decompressed if the file is what it should be`,
    )
  }

  #errorFor(thrown: unknown): PipelineError {
    const what =
      errnoOf(thrown) === 'Z_BUF_ERROR'
        ? 'the gzip file is truncated; put the complete file in its place, reading then goes on where it stopped'
        : `the gzip file is damaged (${messageOf(thrown)}); put a sound file in its place, or set compression: none`
    const message = `reading ${this.#path}, after ${this.#bytes} decompressed bytes: ${what}`
    return new PipelineError('FILE_FAILED', message, { cause: thrown })
  }
}
