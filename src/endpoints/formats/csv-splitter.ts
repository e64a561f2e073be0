import { isUtf8 } from 'node:buffer'
import { PipelineError } from '../../core/errors.ts'
import type { ByteWindow } from '../reading/byte-window.ts'
import { CsvColumns } from './csv-columns.ts'
import { CsvRowScanner, splitQuotedRow } from './csv-row-scanner.ts'
import { emptyFound, newlineByte, returnByte, type Splitter } from './splitter.ts'

export interface CsvSettings {
  /** One ASCII character. */
  readonly delimiter: string
  /** One ASCII character; empty where no field is quoted. */
  readonly quote: string
  readonly encoding: 'utf8' | 'latin1'
  /** null: the first row has them. */
  readonly columns: readonly string[] | null
  /** Longest row, bytes. */
  readonly maxRecord: number
  /** For messages. */
  readonly path: string
}

/**
 * The rows of a csv file, as JSON objects of strings. A row with a misplaced or unclosed quote ends
 * with its first line, so that one bad quote never swallows the rows after it.
 *
 * Written here rather than taken from csv-parse, which after a bad quote loses its place for the rest
 * of the file, refuses mixed line ends and cannot begin in the middle of a file.
 */
export class CsvSplitter implements Splitter {
  readonly found = emptyFound('')
  readonly takesOpenRecords = true
  readonly #settings: CsvSettings
  readonly #quoteByte: number
  readonly #scanner: CsvRowScanner
  #columns: CsvColumns | null
  /** Where the next quote is, in the window of that generation. */
  #quoteAt = -1
  #quoteGeneration = -1
  /** Only the end of the first line is looked for, because of this. */
  #cut: string | null = null
  #seen = 0
  #hasForgotten = false

  constructor(settings: CsvSettings) {
    this.#settings = settings
    this.#quoteByte = settings.quote === '' ? -1 : settings.quote.charCodeAt(0)
    const delimiter = settings.delimiter.charCodeAt(0)
    this.#scanner = new CsvRowScanner({ delimiter, quote: this.#quoteByte })
    this.#columns =
      settings.columns === null ? null : new CsvColumns(settings.columns, settings.path)
  }

  /** null while the header has not been read. */
  get columns(): readonly string[] | null {
    return this.#columns === null ? null : this.#columns.names
  }

  find(window: ByteWindow): boolean {
    if (window.ended && window.length === 0 && !this.#hasForgotten) return false
    if (this.#cut === null && this.#hasQuote(window)) {
      const end = this.#scanner.findEnd(window.bytes, window.start)
      if (end >= 0) return this.#row(window, end, true)
      if (window.ended && this.#scanner.problem === null) this.#scanner.end()
      if (this.#scanner.problem === null) return window.ended && this.#row(window, -1, true)
      this.#cut = this.#problemOf(this.#scanner)
      this.#seen = 0
    }
    const newline = window.bytes.indexOf(newlineByte, window.start + this.#seen)
    if (newline < 0 && !window.ended) {
      this.#seen = window.length
      return false
    }
    return this.#cut === null ? this.#row(window, newline, false) : this.#cutRow(window, newline)
  }

  skim(): void {
    this.#cut ??= tooLong
    this.#seen = 0
  }

  forget(): number {
    this.#seen = 0
    this.#hasForgotten = true
    return 0
  }

  /** Whether the first line of the window, as far as it is there, has a quote. */
  #hasQuote(window: ByteWindow): boolean {
    if (this.#quoteByte < 0) return false
    if (this.#scanner.seen > 0) return true
    if (this.#quoteGeneration !== window.generation || this.#quoteAt < window.start) {
      const at = window.bytes.indexOf(this.#quoteByte, window.start)
      this.#quoteAt = at < 0 ? window.bytes.length : at
      this.#quoteGeneration = window.generation
    }
    if (this.#quoteAt >= window.bytes.length) return false
    const newline = window.bytes.indexOf(newlineByte, window.start + this.#seen)
    return newline < 0 || this.#quoteAt < newline
  }

  #problemOf(scanner: CsvRowScanner): string {
    // Past the limit the row counts as too long, in whatever chunks it was looked at.
    return scanner.seen > this.#settings.maxRecord + 1 ? tooLong : (scanner.problem ?? tooLong)
  }

  #row(window: ByteWindow, newline: number, isQuoted: boolean): true {
    this.#mark(window, newline)
    const { found } = this
    const { bytes } = window
    if (isQuoted) found.lines += countNewlines(bytes, found.start, found.end)
    found.text = null
    if (found.end === found.start) found.kind = 'gap'
    else if (found.end - found.start > this.#settings.maxRecord) found.kind = 'record'
    else this.#decode(bytes, isQuoted)
    return true
  }

  #cutRow(window: ByteWindow, newline: number): true {
    const problem = this.#cut ?? tooLong
    const isPart = this.#hasForgotten
    this.#mark(window, newline)
    const { found } = this
    found.text = null
    if (this.#columns === null) this.#refuseHeader(problem)
    // Of a line that is too long itself the caller tells the length.
    const isLong = isPart || found.end - found.start > this.#settings.maxRecord
    found.kind = isLong ? 'record' : 'failure'
    found.code = problem === tooLong ? 'RECORD_TOO_LARGE' : 'RECORD_DECODE'
    found.message = problem
    return true
  }

  #mark(window: ByteWindow, newline: number): void {
    const { found } = this
    const { bytes, start } = window
    const end = newline < 0 ? bytes.length : newline
    found.start = start
    found.end = end > start && bytes[end - 1] === returnByte ? end - 1 : end
    found.next = newline < 0 ? end : newline + 1
    found.lines = newline < 0 ? 0 : 1
    found.isOpen = newline < 0
    this.#scanner.reset()
    this.#cut = null
    this.#seen = 0
    this.#hasForgotten = false
  }

  #decode(bytes: Buffer, isQuoted: boolean): void {
    const { found } = this
    const { delimiter, quote, encoding } = this.#settings
    const isLatin = encoding === 'latin1'
    if (!isLatin && !isUtf8(bytes.subarray(found.start, found.end))) {
      return this.#fail(
        'the row is no valid UTF-8; if the file is in ISO 8859-1 set encoding: latin1',
      )
    }
    const { start, end } = found
    const row = isLatin ? bytes.toString('latin1', start, end) : bytes.toString('utf8', start, end)
    const fields = isQuoted ? splitQuotedRow(row, { delimiter, quote }) : row.split(delimiter)
    if (this.#columns === null) {
      this.#columns = new CsvColumns(fields, this.#settings.path)
      found.kind = 'gap'
    } else if (fields.length !== this.#columns.names.length) {
      this.#fail(`the row has ${fields.length} fields for ${this.#columns.names.length} columns`)
    } else {
      found.kind = 'record'
      found.text = this.#columns.toJson(fields)
    }
  }

  #fail(message: string): void {
    if (this.#columns === null) this.#refuseHeader(message)
    this.found.kind = 'failure'
    this.found.code = 'RECORD_DECODE'
    this.found.message = message
  }

  #refuseHeader(problem: string): never {
    const message = `${this.#settings.path}: its first row is no header: ${problem}; where there is none, set header: false and list columns`
    throw new PipelineError('CONFIG_FILE', message)
  }
}

const tooLong =
  'a row longer than max_record begins on this line, perhaps because a quote is not closed; reading goes on with the next line'

function countNewlines(bytes: Buffer, start: number, end: number): number {
  let count = 0
  for (let at = bytes.indexOf(newlineByte, start); at >= 0 && at < end; count++) {
    at = bytes.indexOf(newlineByte, at + 1)
  }
  return count
}
