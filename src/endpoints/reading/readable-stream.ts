import type { Readable } from 'node:stream'
import { endOfStream, readAborted, type ByteStream } from './byte-stream.ts'

/**
 * Pulls from one of Node's streams. What the stream holds when it fails is still handed out first:
 * of a truncated gzip file every complete record is read.
 */
export class ReadableByteStream implements ByteStream {
  readonly #readable: Readable
  readonly #errorFor: (thrown: unknown) => Error
  #rest: Buffer | null = null
  #error: unknown = null
  #hasEnded = false
  #wake: (() => void) | null = null

  /** @param errorFor maps an error of the stream to the one that is thrown. */
  constructor(readable: Readable, errorFor: (thrown: unknown) => Error) {
    this.#readable = readable
    this.#errorFor = errorFor
    this.#hasEnded = readable.readableEnded
    readable.on('readable', this.#onReadable)
    readable.on('end', this.#onEnd)
    readable.on('close', this.#onEnd)
    readable.on('error', this.#onError)
  }

  async read(into: Buffer, at: number, signal: AbortSignal): Promise<number> {
    for (;;) {
      if (signal.aborted) return readAborted
      const chunk = this.#rest ?? toBuffer(this.#readable.read())
      if (chunk !== null && chunk.length > 0) return this.#handOut(chunk, into, at)
      if (this.#error !== null) throw this.#errorFor(this.#error)
      if (this.#hasEnded) return endOfStream
      await this.#change(signal)
    }
  }

  isReady(): boolean {
    return this.#rest !== null || this.#readable.readableLength > 0 || this.#hasEnded
  }

  close(): Promise<void> {
    this.#readable.off('readable', this.#onReadable)
    this.#readable.off('end', this.#onEnd)
    this.#readable.off('close', this.#onEnd)
    // The listener for errors stays: destroying a stream in mid-work may still raise one.
    this.#readable.destroy()
    return Promise.resolve()
  }

  #handOut(chunk: Buffer, into: Buffer, at: number): number {
    const taken = chunk.copy(into, at)
    this.#rest = taken === chunk.length ? null : chunk.subarray(taken)
    return taken
  }

  /** Resolves when the stream has something new to say, or the signal aborts. */
  async #change(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      signal.addEventListener('abort', this.#onReadable, { once: true })
    })
    signal.removeEventListener('abort', this.#onReadable)
  }

  readonly #onReadable = (): void => {
    this.#wake?.()
    this.#wake = null
  }

  readonly #onEnd = (): void => {
    this.#hasEnded = true
    this.#onReadable()
  }

  readonly #onError = (thrown: unknown): void => {
    this.#error = thrown
    this.#onReadable()
  }
}

function toBuffer(chunk: unknown): Buffer | null {
  if (chunk === null || chunk === undefined) return null
  if (typeof chunk === 'string') return Buffer.from(chunk)
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk as Uint8Array)
}
