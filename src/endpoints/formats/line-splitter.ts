import type { ByteWindow } from '../reading/byte-window.ts'
import { emptyFound, newlineByte, returnByte, type Splitter } from './splitter.ts'

/** One record per line; `\n` and `\r\n` end a line, the last one may go without. */
export class LineSplitter implements Splitter {
  readonly found = emptyFound('')
  readonly takesOpenRecords = true
  readonly #skipsBlankLines: boolean
  readonly #maxRecord: number
  #seen = 0
  #hasForgotten = false

  /** @param options.maxRecord a longer line is not blank, whatever it holds. */
  constructor(options: { skipsBlankLines: boolean; maxRecord: number }) {
    this.#skipsBlankLines = options.skipsBlankLines
    this.#maxRecord = options.maxRecord
  }

  find(window: ByteWindow): boolean {
    const { bytes, start } = window
    const newline = bytes.indexOf(newlineByte, start + this.#seen)
    const isAtEnd = window.length === 0 && !this.#hasForgotten
    if (newline < 0 && (!window.ended || isAtEnd)) {
      this.#seen = window.length
      return false
    }
    const mayBeBlank = this.#skipsBlankLines && !this.#hasForgotten
    this.#seen = 0
    this.#hasForgotten = false
    const { found } = this
    found.isOpen = newline < 0
    found.next = found.isOpen ? bytes.length : newline + 1
    found.lines = found.isOpen ? 0 : 1
    found.start = start
    const end = found.isOpen ? bytes.length : newline
    found.end = end > start && bytes[end - 1] === returnByte ? end - 1 : end
    const isShort = found.end - start <= this.#maxRecord
    const isGap = mayBeBlank && isShort && isBlank(bytes, start, found.end)
    found.kind = isGap ? 'gap' : 'record'
    return true
  }

  skim(): void {
    this.#seen = 0
  }

  forget(): number {
    this.#seen = 0
    this.#hasForgotten = true
    return 0
  }
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte !== 32 && byte !== 9 && byte !== returnByte) return false
  }
  return true
}
