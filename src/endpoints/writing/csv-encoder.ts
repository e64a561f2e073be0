import { messageOf } from '../../core/errors.ts'
import {
  decodeJson,
  encodeJson,
  isExactNumber,
  isJsonObject,
  type JsonObject,
  type JsonValue,
} from '../../core/json.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import type { EncodedRecords } from './encode-lines.ts'

export interface CsvEncoderOptions {
  /** null: the fields of the first record. */
  readonly columns: readonly string[] | null
  /** Whether a field that is no column is left out; else its record is refused. */
  readonly leavesOut: boolean
  readonly delimiter: string
}

/**
 * Writes objects as csv rows by RFC 4180, with `\n` at their ends. A missing field and null are empty,
 * lists and maps are JSON text. Cells that a spreadsheet takes for formulas (they begin with `=`, `+`,
 * `-`, `@`) are left as they are: the file is data, and an importing program decides.
 */
export class CsvEncoder {
  readonly #options: CsvEncoderOptions
  readonly #special: RegExp
  #columns: readonly string[] | null
  #known: ReadonlySet<string>

  constructor(options: CsvEncoderOptions) {
    this.#options = options
    this.#columns = options.columns
    this.#known = new Set(options.columns ?? [])
    const delimiter = options.delimiter.replace(/[\\\]^-]/, '\\$&')
    this.#special = new RegExp(`["\\r\\n${delimiter}]`)
  }

  get columns(): readonly string[] | null {
    return this.#columns
  }

  /** @param withHeader whether the header row comes first. */
  encode(batch: RecordBatch, withHeader: boolean): EncodedRecords {
    const failures: { index: number; code: 'RECORD_REJECTED'; message: string }[] = []
    let rows = ''
    for (let index = 0; index < batch.count; index++) {
      if (batch.isMarker(index)) continue
      const row = this.row(batch, index)
      if (typeof row === 'string') rows += row
      else failures.push({ index, code: 'RECORD_REJECTED', message: row.problem })
    }
    const header = withHeader && this.#columns !== null ? this.headerLine : ''
    return { bytes: Buffer.from(header + rows), failures }
  }

  /** The header row; columns have to be known. */
  get headerLine(): string {
    return this.#line(this.#columns ?? [])
  }

  /** One record as a row, with its end. */
  row(batch: RecordBatch, index: number): string | { problem: string } {
    const value = decodeValue(batch, index)
    if ('problem' in value) return value
    const { object } = value
    if (this.#columns === null) {
      this.#columns = Object.keys(object)
      this.#known = new Set(this.#columns)
    }
    const extra = this.#options.leavesOut ? null : this.#extraField(object)
    if (extra !== null) {
      return {
        problem: `the field ${JSON.stringify(extra)} is no column; the first record had none of this name: list columns`,
      }
    }
    return this.#line(
      this.#columns.map((name) =>
        Object.hasOwn(object, name) ? cellText(object[name] ?? null) : '',
      ),
    )
  }

  #extraField(object: JsonObject): string | null {
    for (const name of Object.keys(object)) if (!this.#known.has(name)) return name
    return null
  }

  #line(cells: readonly string[]): string {
    const special = this.#special
    const row = cells
      .map((cell) => (special.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
      .join(this.#options.delimiter)
    // A row of one empty cell would be a blank line, which readers skip.
    return row === '' ? '""\n' : `${row}\n`
  }
}

function decodeValue(
  batch: RecordBatch,
  index: number,
): { object: JsonObject } | { problem: string } {
  const text = batch.valueText(index)
  if (text === null) return { problem: 'a record without a value cannot be a csv row' }
  try {
    const value = decodeJson(text)
    return isJsonObject(value)
      ? { object: value }
      : { problem: 'only a JSON object can be a csv row' }
  } catch (thrown) {
    return { problem: `the value is no JSON: ${messageOf(thrown)}` }
  }
}

/** A value as the text of one cell. */
export function cellText(value: JsonValue): string {
  if (typeof value === 'string') return value
  if (value === null) return ''
  if (isExactNumber(value)) return value.rawJSON
  return typeof value === 'object' ? encodeJson(value) : String(value)
}
