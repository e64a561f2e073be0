import type { ByteWindow } from '../reading/byte-window.ts'
import { emptyFound, newlineByte, returnByte, type Splitter } from './splitter.ts'

/** What of a line decides whether it begins a record, bytes: a longer line need not be in memory for it. */
const testedBytes = 4_096

/** Several lines per record, such as a message with its stack trace. */
export class MultilineSplitter implements Splitter {
  readonly found = emptyFound('')
  readonly takesOpenRecords = true
  /** No more lines are waited for: those that are complete are a record. */
  isFlushing = false
  ahead = 0
  readonly #begins: (line: string) => boolean
  /** Bytes from the start of the window that surely belong to the record. */
  #taken = 0
  #lines = 0
  /** What comes next belongs to a line that has been taken already. */
  #isInsideLine = false
  /** Bytes of the record have left the window. */
  #hasForgotten = false
  /** Bytes of the line at hand, of which too little is there to tell. */
  #undecided = 0

  /** @param begins whether a line, without its line break, begins a record; others belong to the one before. */
  constructor(begins: (line: string) => boolean) {
    this.#begins = begins
  }

  find(window: ByteWindow): boolean {
    const { bytes, ended } = window
    this.ahead = 0
    for (;;) {
      const at = window.start + this.#taken
      const newline = bytes.indexOf(newlineByte, at)
      if (this.#isInsideLine) {
        if (newline < 0 && ended) return this.#finish(window, { end: bytes.length, isOpen: true })
        this.#taken = (newline < 0 ? bytes.length : newline + 1) - window.start
        if (newline < 0) return false
        this.#lines += 1
        this.#isInsideLine = false
      } else if (!this.#hasBegun) {
        if (at === bytes.length) return false
        this.#isInsideLine = true
      } else if (at === bytes.length || this.#isUndecided(window, at, newline)) {
        this.ahead = bytes.length - withoutLineBreak(bytes, window.start, at)
        const isOver = this.isFlushing || (ended && at === bytes.length)
        return isOver && this.#finish(window, { end: at, isOpen: false })
      } else if (this.#begins(lineAt(bytes, at, newline))) {
        return this.#finish(window, { end: at, isOpen: false })
      } else this.#isInsideLine = true
    }
  }

  skim(): void {
    this.#reset()
  }

  forget(): number {
    const kept = this.#undecided
    this.#hasForgotten = true
    this.#taken = 0
    return kept
  }

  get #hasBegun(): boolean {
    return this.#taken > 0 || this.#hasForgotten
  }

  #isUndecided({ bytes, ended }: ByteWindow, at: number, newline: number): boolean {
    const length = bytes.length - at
    const isUndecided = newline < 0 && !ended && length < testedBytes
    this.#undecided = isUndecided ? length : 0
    return isUndecided
  }

  #finish({ bytes, start }: ByteWindow, of: { end: number; isOpen: boolean }): true {
    const { found } = this
    found.kind = 'record'
    found.isOpen = of.isOpen
    found.start = start
    found.next = of.end
    found.lines = this.#lines
    found.end = of.isOpen ? of.end : withoutLineBreak(bytes, start, of.end)
    this.#reset()
    return true
  }

  #reset(): void {
    this.#taken = 0
    this.#lines = 0
    this.#isInsideLine = false
    this.#hasForgotten = false
    this.#undecided = 0
  }
}

function lineAt(bytes: Buffer, start: number, newline: number): string {
  const end = newline < 0 ? bytes.length : newline
  const last = end > start && bytes[end - 1] === returnByte ? end - 1 : end
  return bytes.toString('utf8', start, Math.min(last, start + testedBytes))
}

function withoutLineBreak(bytes: Buffer, start: number, end: number): number {
  let last = end
  if (last > start && bytes[last - 1] === newlineByte) last -= 1
  if (last > start && bytes[last - 1] === returnByte) last -= 1
  return last
}
