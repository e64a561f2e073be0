import type { RecordErrorCode } from '../../core/errors.ts'
import type { Splitter } from '../formats/splitter.ts'
import { ByteWindow } from './byte-window.ts'

export interface CutterSettings {
  /** For messages: the path of the file, or `stdin`. */
  readonly name: string
  readonly maxRecord: number
  /** Bytes read at once. */
  readonly chunkBytes: number
  /** Whether a byte order mark at the start of the input is no part of the first record. */
  readonly skipsByteOrderMark: boolean
}

/** A place between two records. */
export interface CutterPlace {
  /** Byte offset in the (decompressed) input. */
  readonly offset: number
  /** Line breaks before it. */
  readonly line: number
  readonly state: string
  /**
   * Bytes behind `offset` that were taken as the last record because the input ended there. Where
   * the input has grown since, that record may have grown with it.
   */
  readonly taken: number
  /** The end was reached, and everything before it was handed out. */
  readonly done: boolean
}

export const startPlace: CutterPlace = { offset: 0, line: 0, state: '', taken: 0, done: false }

/** Of a record longer than allowed: what remains of the bytes that were let go. */
interface Skimmed {
  readonly head: Buffer
  bytes: number
}

const keptBytesOfLongRecord = 1_024
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/**
 * Takes record after record from a window over the input: `look`, then `consume`. It holds a window
 * of at most `maxRecord` and two chunks, however long a record is.
 */
export class RecordCutter {
  readonly window: ByteWindow
  /** Of the record at hand; valid until the window is filled. */
  value: Uint8Array | string = ''
  failure: { readonly code: RecordErrorCode; readonly message: string } | null = null
  readonly #splitter: Splitter
  readonly #settings: CutterSettings
  #offset: number
  #line: number
  #state: string
  #taken = 0
  #done = false
  /** Bytes of a record that was open at the end of an earlier run, and handed out then. */
  #handedOut: number
  #isHeld = false
  /** Of a record that is too long. Not more than are in memory in whatever chunks it comes. */
  readonly #keptBytes: number
  #skimmed: Skimmed | null = null

  constructor(splitter: Splitter, settings: CutterSettings, place: CutterPlace) {
    this.#splitter = splitter
    this.#settings = settings
    this.#keptBytes = Math.min(keptBytesOfLongRecord, settings.maxRecord)
    this.window = new ByteWindow(settings.chunkBytes)
    this.#offset = place.offset
    this.#line = place.line
    this.#state = place.state
    this.#handedOut = splitter.takesOpenRecords ? place.taken : 0
  }

  get place(): CutterPlace {
    return {
      offset: this.#offset,
      line: this.#line,
      state: this.#state,
      taken: this.#taken,
      done: this.#done,
    }
  }

  /** The line of the record at hand, from 1 on. */
  get line(): number {
    return this.#line + 1
  }

  /**
   * Finds the next record.
   * @returns `more` when the window has to be filled first.
   */
  look(): 'record' | 'more' | 'end' {
    if (this.#isHeld) return 'record'
    if (this.#offset === 0 && this.#settings.skipsByteOrderMark && !this.#skipByteOrderMark()) {
      return 'more'
    }
    for (;;) {
      if (!this.#splitter.find(this.window)) {
        if (this.window.ended) {
          this.#done = true
          return 'end'
        }
        const length = this.window.length - (this.#splitter.ahead ?? 0)
        if (length <= this.#settings.maxRecord + 1) return 'more'
        if (this.#skimmed !== null) return this.#letGo(this.#skimmed)
        this.#startSkimming()
      } else if (this.#splitter.found.kind === 'gap') this.consume()
      else if (this.#isTooLong() && this.#skimmed === null) this.#startSkimming()
      else if (this.#wasHandedOut()) this.consume()
      else return this.#hold()
    }
  }

  /** Goes on behind the record at hand. */
  consume(): void {
    const { found } = this.#splitter
    const bytes = found.next - this.window.start + (this.#skimmed?.bytes ?? 0)
    this.window.start = found.next
    if (found.isOpen && found.kind !== 'gap') {
      this.#taken = bytes
      this.#done = true
    } else {
      this.#offset += bytes
      this.#line += found.lines
      this.#state = found.state
    }
    this.#isHeld = false
    this.#skimmed = null
  }

  #hold(): 'record' {
    const { found } = this.#splitter
    const { bytes } = this.window
    this.#isHeld = true
    if (this.#isTooLong()) this.value = this.#head(found.start, found.end)
    else this.value = found.text ?? bytes.subarray(found.start, found.end)
    this.failure = null
    if (found.kind === 'failure') this.#fail(found.code, found.message)
    else if (this.#isTooLong()) {
      const length = found.next - found.start + (this.#skimmed?.bytes ?? 0)
      const message = `it has ${length} bytes, more than max_record (${this.#settings.maxRecord}); its first ${this.#keptBytes} bytes are kept`
      this.#fail('RECORD_TOO_LARGE', message)
    }
    return 'record'
  }

  #fail(code: RecordErrorCode, message: string): void {
    const where = `${this.#settings.name}, line ${this.line}, byte offset ${this.#offset}`
    this.failure = { code, message: `${where}: ${message}` }
  }

  #isTooLong(): boolean {
    const { found } = this.#splitter
    const dropped = this.#skimmed?.bytes ?? 0
    return dropped > 0 || found.end - found.start > this.#settings.maxRecord
  }

  #head(start: number, end: number): Uint8Array {
    if (this.#skimmed !== null && this.#skimmed.bytes > 0) return this.#skimmed.head
    return this.window.bytes.subarray(start, Math.min(end, start + this.#keptBytes))
  }

  #startSkimming(): void {
    const { bytes, start } = this.window
    const head = Buffer.from(bytes.subarray(start, start + this.#keptBytes))
    this.#skimmed = { head, bytes: 0 }
    this.#splitter.skim()
  }

  #letGo(skimmed: Skimmed): 'more' {
    const kept = this.#splitter.forget()
    skimmed.bytes += this.window.length - kept
    this.window.start = this.window.bytes.length - kept
    return 'more'
  }

  /** The record that an earlier run took at the end of its input, if it has not grown since. */
  #wasHandedOut(): boolean {
    if (this.#handedOut === 0) return false
    const { found } = this.#splitter
    const handedOut = this.#handedOut - (this.#skimmed?.bytes ?? 0)
    this.#handedOut = 0
    // Either may have ended with the `\r` of a `\r\n`.
    const lineEnd = found.isOpen ? found.next : found.next - 1
    return handedOut === found.end - found.start || handedOut === lineEnd - found.start
  }

  /** @returns false while too few bytes are there to tell. */
  #skipByteOrderMark(): boolean {
    const { window } = this
    const head = window.bytes.subarray(window.start, window.start + byteOrderMark.length)
    // Other bytes than those of a mark are not waited for: a terminal may have sent one short line.
    if (!head.equals(byteOrderMark.subarray(0, head.length))) return true
    if (head.length < byteOrderMark.length) return window.ended
    window.start += byteOrderMark.length
    this.#offset = byteOrderMark.length
    return true
  }
}
