import type { ByteStream } from './byte-stream.ts'
import { endOfStream, readAborted } from './byte-stream.ts'

/** The part of a stream that is in memory: bytes from `start` on are not yet consumed. */
export class ByteWindow {
  /** What was read, and nothing behind it. */
  bytes: Buffer
  start = 0
  /** No bytes follow those in the window. */
  ended = false
  /** Rises with every fill, after which indexes into `bytes` mean something else. */
  generation = 0
  readonly #chunkBytes: number
  #store: Buffer

  /** @param chunkBytes how much is read at once, at most. */
  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes
    this.#store = Buffer.allocUnsafeSlow(2 * chunkBytes)
    this.bytes = this.#store.subarray(0, 0)
  }

  get length(): number {
    return this.bytes.length - this.start
  }

  /** Reads on, once. @returns false when the signal has aborted. */
  async readFrom(stream: ByteStream, signal: AbortSignal): Promise<boolean> {
    const kept = this.#makeRoom()
    const room = this.#store.subarray(0, kept + this.#chunkBytes)
    const count = await stream.read(room, kept, signal)
    if (count === readAborted) return false
    if (count === endOfStream) this.ended = true
    this.bytes = this.#store.subarray(0, kept + count)
    return true
  }

  /** Moves the bytes not yet consumed to the front, so that a chunk fits behind them. */
  #makeRoom(): number {
    const kept = this.length
    this.generation += 1
    if (kept + this.#chunkBytes > this.#store.length) {
      const larger = Buffer.allocUnsafeSlow(
        Math.max(2 * this.#store.length, kept + this.#chunkBytes),
      )
      this.bytes.copy(larger, 0, this.start)
      this.#store = larger
    } else if (this.start > 0) this.#store.copyWithin(0, this.start, this.bytes.length)
    this.start = 0
    this.bytes = this.#store.subarray(0, kept)
    return kept
  }
}
