/** How a stream of bytes is cut into frames. */
export interface Framing {
  /** Bytes that end a frame; null: a length of `lengthBytes` stands before each. */
  readonly delimiter: Buffer | null
  /** Longest frame, without what delimits it. */
  readonly maxFrame: number
  /** Whether what follows a frame that is too long is still of interest. */
  readonly skipsLong: boolean
}

/** Unsigned, the most significant byte first. */
export const lengthBytes = 4
/** Of a line that is too long so much is kept, to tell which it was. */
const keptBytes = 1_024
const newlineByte = 10
const returnByte = 13

/**
 * Cuts what one client sends into frames, whatever the chunks it comes in. It holds no more than the
 * chunk that came last and one unfinished frame of at most `maxFrame`, however much is sent.
 */
export class FrameInput {
  /** Of the frame that `find` has found: a view that is valid until the next `push`. */
  frame: Buffer = noBytes
  /** Whether it is what is kept of a frame that is too long. */
  isTooLong = false
  readonly #framing: Framing
  /** What is not consumed: from `#start` on. */
  #bytes: Buffer = noBytes
  #start = 0
  /** Where bytes are put together; null while they are those of one chunk. */
  #store: Buffer | null = null
  #seen = 0
  #next = -1
  /** Bytes that came in all. */
  #pushed = 0
  /** Bytes still to be passed over; Infinity: up to the next delimiter. */
  #skip = 0
  /** The same, once the frame at hand is consumed. */
  #skipNext = 0
  #hasFailed = false

  constructor(framing: Framing) {
    this.#framing = framing
  }

  /** Bytes that are not consumed. */
  get buffered(): number {
    return this.#bytes.length - this.#start
  }

  /** Bytes of memory that they take. */
  get held(): number {
    return this.#store === null ? this.#bytes.length : this.#store.length
  }

  /** Bytes of an unfinished frame; of one that is passed over too. */
  get isInside(): boolean {
    return this.buffered > 0 || this.#skip > 0
  }

  /** Bytes that came before the end of the frame at hand, and its own. */
  get endOfFrame(): number {
    return this.#pushed - (this.#bytes.length - this.#next)
  }

  /** Lets go of all that is held, and of all that still comes. */
  fail(): void {
    this.#hasFailed = true
    this.#clear()
  }

  push(chunk: Buffer): void {
    if (this.#hasFailed || chunk.length === 0) return
    this.#pushed += chunk.length
    // Bytes are moved: what was found is found once more.
    this.#next = -1
    const kept = this.buffered
    if (kept === 0) {
      this.#bytes = chunk
      this.#start = 0
      this.#store = null
    } else this.#join(chunk, kept)
  }

  /** Looks for a whole frame, or for one that is too long. */
  find(): boolean {
    if (this.#hasFailed) return false
    if (this.#next >= 0) return true
    if (this.#skip > 0 && !this.#passOver()) return false
    return this.#framing.delimiter === null ? this.#findByLength() : this.#findByDelimiter()
  }

  /** Goes on behind the frame at hand. */
  consume(): void {
    if (this.isTooLong && !this.#framing.skipsLong) this.fail()
    else if (this.#next >= this.#bytes.length) this.#clear()
    else this.#start = this.#next
    this.#skip = this.#hasFailed ? 0 : this.#skipNext
    this.#skipNext = 0
    this.#next = -1
    this.#seen = 0
    this.isTooLong = false
  }

  #clear(): void {
    this.#bytes = noBytes
    this.#start = 0
    this.#store = null
    this.frame = noBytes
  }

  #join(chunk: Buffer, kept: number): void {
    const end = this.#bytes.length
    const store = this.#store
    if (store !== null && end + chunk.length <= store.length) {
      chunk.copy(store, end)
      this.#bytes = store.subarray(0, end + chunk.length)
      return
    }
    const needed = kept + chunk.length
    const next =
      store !== null && needed <= store.length ? store : Buffer.allocUnsafeSlow(2 * needed)
    this.#bytes.copy(next, 0, this.#start, end)
    chunk.copy(next, kept)
    this.#store = next
    this.#bytes = next.subarray(0, needed)
    this.#start = 0
  }

  #findByLength(): boolean {
    const from = this.#start + lengthBytes
    if (from > this.#bytes.length) return false
    const length = this.#bytes.readUInt32BE(this.#start)
    if (length > this.#framing.maxFrame) {
      // The length is enough to tell: nothing of the frame is waited for.
      const header = Buffer.from(this.#bytes.subarray(this.#start, from))
      this.#foundLong(header, from)
      this.#skipNext = length
      return true
    }
    if (from + length > this.#bytes.length) return false
    this.#found(from, from + length, from + length)
    return true
  }

  #findByDelimiter(): boolean {
    const { delimiter, maxFrame } = this.#framing
    const bytes = this.#bytes
    const from = this.#start + this.#seen
    const size = delimiter!.length
    const at = size === 1 ? bytes.indexOf(delimiter![0]!, from) : bytes.indexOf(delimiter!, from)
    if (at >= 0) {
      if (at - this.#start > maxFrame) {
        this.#foundLong(this.#head(), at + size)
      } else this.#found(this.#start, this.#withoutReturn(at), at + size)
      return true
    }
    this.#seen = Math.max(0, this.buffered - (size - 1))
    // A delimiter may have begun already.
    if (this.buffered < maxFrame + size) return false
    this.#foundLong(this.#head(), bytes.length - (size - 1))
    this.#skipNext = Number.POSITIVE_INFINITY
    return true
  }

  #head(): Buffer {
    const length = Math.min(keptBytes, this.#framing.maxFrame)
    return Buffer.from(this.#bytes.subarray(this.#start, this.#start + length))
  }

  #found(start: number, end: number, next: number): void {
    this.frame = this.#bytes.subarray(start, end)
    this.isTooLong = false
    this.#skipNext = 0
    this.#next = next
  }

  #foundLong(kept: Buffer, next: number): void {
    this.frame = kept
    this.isTooLong = true
    this.#skipNext = 0
    this.#next = next
  }

  /** `\r\n` ends a line too. */
  #withoutReturn(end: number): number {
    const { delimiter } = this.#framing
    const isLine = delimiter!.length === 1 && delimiter![0] === newlineByte
    return isLine && end > this.#start && this.#bytes[end - 1] === returnByte ? end - 1 : end
  }

  /** @returns whether the end of what is passed over has come. */
  #passOver(): boolean {
    const { delimiter } = this.#framing
    if (delimiter === null) {
      const passed = Math.min(this.#skip, this.buffered)
      this.#skip -= passed
      this.#drop(this.#start + passed)
      return this.#skip === 0
    }
    const at = this.#bytes.indexOf(delimiter, this.#start)
    if (at < 0) {
      this.#drop(Math.max(this.#start, this.#bytes.length - (delimiter.length - 1)))
      return false
    }
    this.#skip = 0
    this.#drop(at + delimiter.length)
    return true
  }

  #drop(next: number): void {
    if (next >= this.#bytes.length) this.#clear()
    else this.#start = next
    this.#seen = 0
  }
}

const noBytes = Buffer.alloc(0)
