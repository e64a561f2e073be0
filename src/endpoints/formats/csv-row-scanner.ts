import { newlineByte, returnByte } from './splitter.ts'

/** Bytes of the marks; -1 for no quote. */
export interface CsvMarks {
  readonly delimiter: number
  readonly quote: number
}

type Phase = 'field' | 'plain' | 'quoted' | 'closing' | 'return'

const badQuotes = {
  inside: 'a quote stands inside a field that does not begin with one',
  behind: 'a closing quote is followed by something else than a delimiter or the end of the line',
  open: 'a quoted field is not closed',
} as const

/**
 * Finds the end of a row that has quotes, by RFC 4180: fields may be quoted, a quote inside is
 * doubled. It can stop anywhere and go on when more bytes are there.
 */
export class CsvRowScanner {
  /** Why the row is malformed; null while it is not. */
  problem: string | null = null
  /** Bytes of the row looked at so far. */
  seen = 0
  readonly #marks: CsvMarks
  #phase: Phase = 'field'

  constructor(marks: CsvMarks) {
    this.#marks = marks
  }

  reset(): void {
    this.problem = null
    this.seen = 0
    this.#phase = 'field'
  }

  /** @returns the index of the row's `\n`, or -1 when there is none yet or the row is malformed. */
  findEnd(bytes: Buffer, start: number): number {
    let at = start + this.seen
    while (at < bytes.length) {
      if (this.#phase === 'quoted') {
        const quote = bytes.indexOf(this.#marks.quote, at)
        if (quote < 0) {
          at = bytes.length
          break
        }
        this.#phase = 'closing'
        at = quote + 1
      } else {
        const byte = bytes[at]!
        if (byte === newlineByte) return at
        this.problem = this.#step(byte)
        if (this.problem !== null) break
        at += 1
      }
    }
    this.seen = at - start
    return -1
  }

  /** The input has ended: what is left is a row, or a malformed one. */
  end(): void {
    if (this.#phase === 'quoted') this.problem = badQuotes.open
  }

  #step(byte: number): string | null {
    const { delimiter, quote } = this.#marks
    switch (this.#phase) {
      case 'closing':
        if (byte === quote) this.#phase = 'quoted'
        else if (byte === delimiter) this.#phase = 'field'
        else if (byte === returnByte) this.#phase = 'return'
        else return badQuotes.behind
        return null
      case 'return':
        return badQuotes.behind
      case 'field':
        this.#phase = byte === quote ? 'quoted' : byte === delimiter ? 'field' : 'plain'
        return null
      default:
        if (byte === delimiter) this.#phase = 'field'
        return byte === quote ? badQuotes.inside : null
    }
  }
}

/** The fields of a well-formed row with quotes. */
export function splitQuotedRow(row: string, marks: { delimiter: string; quote: string }): string[] {
  const { delimiter, quote } = marks
  const fields: string[] = []
  let at = 0
  for (;;) {
    if (row[at] !== quote) {
      const end = row.indexOf(delimiter, at)
      if (end < 0) return [...fields, row.slice(at)]
      fields.push(row.slice(at, end))
      at = end + 1
      continue
    }
    let close = row.indexOf(quote, at + 1)
    while (row[close + 1] === quote) close = row.indexOf(quote, close + 2)
    const field = row.slice(at + 1, close)
    fields.push(field.includes(quote) ? field.replaceAll(quote + quote, quote) : field)
    if (close + 1 >= row.length) return fields
    at = close + 2
  }
}
