import type { FileHandle } from 'node:fs/promises'
import { ioError } from '../file-error.ts'
import { endOfStream, readAborted, type ByteStream } from './byte-stream.ts'

/** The bytes of a file that somebody writes, from a position on; where it ends for now, nothing is there yet. */
export class FollowedStream implements ByteStream {
  /** Nobody writes it any more: its end is the end of the stream. */
  isFinal = false
  /** It has become shorter than what was read of it. */
  isTruncated = false
  readonly #handle: FileHandle
  readonly #path: string
  #position: number
  #mayHaveMore = true

  constructor(handle: FileHandle, path: string, position: number) {
    this.#handle = handle
    this.#path = path
    this.#position = position
  }

  /** To be told how long the file is: whether there is something to read, or less than there was. */
  grew(size: number): void {
    this.#mayHaveMore = size > this.#position
    this.isTruncated ||= size < this.#position
  }

  get position(): number {
    return this.#position
  }

  async read(into: Buffer, at: number, signal: AbortSignal): Promise<number> {
    if (signal.aborted || this.isTruncated) return readAborted
    try {
      const { bytesRead } = await this.#handle.read(into, at, into.length - at, this.#position)
      this.#position += bytesRead
      if (bytesRead > 0) return bytesRead
    } catch (thrown) {
      throw ioError('reading', this.#path, thrown)
    }
    this.#mayHaveMore = false
    return this.isFinal ? endOfStream : readAborted
  }

  isReady(): boolean {
    return this.#mayHaveMore || this.isFinal
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}
