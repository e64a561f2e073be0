import { messageOf, RecordFailure, type RecordErrorCode } from '../../core/errors.ts'
import type { Expression } from '../../core/expression.ts'
import {
  decodeJson,
  encodeJson,
  isJsonObject,
  type JsonObject,
  type JsonValue,
} from '../../core/json.ts'
import { didYouMean } from '../../core/nearest-name.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import { StepRecord } from '../../core/step-record.ts'
import { deleteStatement, insertStatement, type ConflictRule } from './row-statements.ts'
import { shownTable } from './quote-name.ts'
import type { Table } from './table-columns.ts'

/** Rows that one statement can write together. */
export interface RowShape {
  readonly statement: string
  /** Of several rows with one key the last one alone is to be written. */
  readonly lastCounts: boolean
}

export interface Row {
  /** Of the record in its batch. */
  readonly index: number
  readonly shape: RowShape
  /** What tells the row among others; null: nothing has to. */
  readonly key: string | null
  /** The row as a JSON object. */
  readonly text: string
}

export interface RowFailure {
  readonly index: number
  readonly code: RecordErrorCode
  readonly message: string
}

export interface RowEncoderOptions {
  readonly table: Table
  /** By column; null: the fields of the value are its columns. */
  readonly columns: ReadonlyMap<string, Expression> | null
  readonly conflict: ConflictRule | null
  readonly deleteOnNull: boolean
  readonly extraFields: 'refuse' | 'ignore'
}

/** Records with other and other fields must not fill the memory. */
const maxShapes = 1_000

/** Makes rows of records. Those with the same columns have one shape. */
export class RowEncoder {
  readonly #options: RowEncoderOptions
  readonly #shapes = new Map<string, RowShape>()
  readonly #delete: RowShape | null
  readonly #record = new StepRecord()

  constructor(options: RowEncoderOptions) {
    this.#options = options
    const { table, conflict, deleteOnNull } = options
    this.#delete =
      deleteOnNull && conflict !== null
        ? { statement: deleteStatement(table, conflict.by), lastCounts: true }
        : null
  }

  encode(batch: RecordBatch, index: number): Row | RowFailure {
    try {
      return this.#row(batch, index)
    } catch (thrown) {
      if (thrown instanceof RecordFailure) {
        return { index, code: thrown.code, message: thrown.message }
      }
      if (thrown instanceof SyntaxError || thrown instanceof RangeError) {
        return { index, code: 'RECORD_DECODE', message: 'the value is no JSON in UTF-8' }
      }
      throw thrown
    }
  }

  #row(batch: RecordBatch, index: number): Row {
    const { columns } = this.#options
    const text = batch.valueText(index)
    const value = text === null ? null : decodeJson(text)
    if (value === null) return this.#withoutValue(batch, index)
    if (columns !== null) {
      const object = this.#evaluated(batch, index, { columns, value })
      return this.#upsert(index, object, encodeJson(object))
    }
    if (!isJsonObject(value)) {
      throw new RecordFailure(
        'RECORD_REJECTED',
        'the value is no object, so its fields cannot be columns: name them in "columns"',
      )
    }
    return this.#upsert(index, value, text!)
  }

  #upsert(index: number, value: JsonObject, text: string): Row {
    const { conflict } = this.#options
    const shape = this.#shapeOf(Object.keys(value))
    return { index, shape, key: conflict === null ? null : keyOf(value, conflict.by), text }
  }

  #withoutValue(batch: RecordBatch, index: number): Row {
    const { columns, conflict } = this.#options
    if (this.#delete === null || conflict === null) {
      throw new RecordFailure(
        'RECORD_REJECTED',
        'the value is null: "delete_on_null: true" deletes its row, or filter it out before',
      )
    }
    const key =
      columns === null
        ? keyColumns(batch.keyText(index), conflict.by)
        : this.#evaluated(batch, index, {
            columns: new Map([...columns].filter(([name]) => conflict.by.includes(name))),
            value: null,
          })
    const tells = keyOf(key, conflict.by)
    return { index, shape: this.#delete, key: tells, text: encodeJson(key) }
  }

  #evaluated(
    batch: RecordBatch,
    index: number,
    { columns, value }: { columns: ReadonlyMap<string, Expression>; value: JsonValue },
  ): JsonObject {
    const record = this.#record
    record.moveTo(batch, index, { topic: null, partition: 0, baseOffset: 0n, source: null })
    record.value = value
    const row: JsonObject = {}
    for (const [name, expression] of columns) row[name] = expression.evaluate(record)
    return row
  }

  #shapeOf(fields: readonly string[]): RowShape {
    const id = fields.join('\0')
    const known = this.#shapes.get(id)
    if (known !== undefined) return known
    const { table, conflict } = this.#options
    const columns = fields.filter((name) => this.#isColumn(name)).toSorted()
    if (columns.length === 0) {
      throw new RecordFailure(
        'RECORD_REJECTED',
        `no field of the value is a column of the table "${shownTable(table.name)}"`,
      )
    }
    // The same fields in another order are the same shape.
    const canonical = columns.join('\0')
    const shape = this.#shapes.get(canonical) ?? {
      statement: insertStatement(table, columns, conflict),
      lastCounts: conflict?.do === 'update',
    }
    if (this.#shapes.size >= maxShapes) this.#shapes.clear()
    this.#shapes.set(canonical, shape)
    this.#shapes.set(id, shape)
    return shape
  }

  #isColumn(name: string): boolean {
    const { table, extraFields } = this.#options
    const column = table.columns.get(name)
    if (column?.isGenerated === false) return true
    if (extraFields === 'ignore') return false
    const shown = shownTable(table.name)
    const problem =
      column === undefined
        ? `the table "${shown}" has no column "${name}"${didYouMean(name, [...table.columns.keys()])}`
        : `the column "${name}" of the table "${shown}" is made by the server`
    throw new RecordFailure(
      'RECORD_REJECTED',
      `${problem}; remove the field before, name the columns, or set "extra_fields: ignore"`,
    )
  }
}

/** Texts are equal where the values are; where only the server finds them equal, it says so. */
function keyOf(value: JsonObject, by: readonly string[]): string {
  const [first] = by
  if (by.length === 1) return encodeJson(value[first!] ?? null)
  return by.map((name) => encodeJson(value[name] ?? null)).join('\0')
}

/** A key for one column is its value; for several it is a list or an object in JSON. */
function keyColumns(key: string | null, by: readonly string[]): JsonObject {
  const [first] = by
  if (key !== null && by.length === 1) return { [first!]: key }
  const value = key === null ? null : decodeKey(key)
  if (Array.isArray(value) && value.length === by.length) {
    return Object.fromEntries(by.map((name, index) => [name, value[index]!]))
  }
  if (isJsonObject(value) && by.every((name) => Object.hasOwn(value, name))) {
    return Object.fromEntries(by.map((name) => [name, value[name]!]))
  }
  throw new RecordFailure(
    'RECORD_REJECTED',
    `the value is null, and the key does not say which row that is: it has to be ${by.length === 1 ? `the value of "${first}"` : `a list of the values of ${by.join(', ')}`}`,
  )
}

function decodeKey(key: string): JsonValue {
  try {
    return decodeJson(key)
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof RangeError) return null
    throw new Error(messageOf(thrown), { cause: thrown })
  }
}
