import type { FileHandle } from 'node:fs/promises'
import { PipelineError } from '../../core/errors.ts'
import { ioError } from '../file-error.ts'
import { endOfStream, readAborted, type ByteStream } from './byte-stream.ts'

/** The bytes of a regular file from a position on. */
export class PlainFileStream implements ByteStream {
  readonly #handle: FileHandle
  readonly #path: string
  #position: number

  constructor(handle: FileHandle, path: string, position: number) {
    this.#handle = handle
    this.#path = path
    this.#position = position
  }

  async read(into: Buffer, at: number, signal: AbortSignal): Promise<number> {
    if (signal.aborted) return readAborted
    try {
      const { bytesRead } = await this.#handle.read(into, at, into.length - at, this.#position)
      if (bytesRead === 0) await this.#refuseShrunk()
      this.#position += bytesRead
      return bytesRead === 0 ? endOfStream : bytesRead
    } catch (thrown) {
      throw ioError('reading', this.#path, thrown)
    }
  }

  isReady(): boolean {
    return true
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** A file that was cut short under our hands would otherwise look like one that ends here. */
  async #refuseShrunk(): Promise<void> {
    const { size } = await this.#handle.stat()
    if (size >= this.#position) return
    const message = `reading ${this.#path}: it became shorter while it was read (${this.#position} -> ${size} bytes); run again when it is complete`
    throw new PipelineError('FILE_FAILED', message)
  }
}
