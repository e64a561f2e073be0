import { quoteName, quoteTable } from './quote-name.ts'
import type { Table } from './table-columns.ts'

export interface ConflictRule {
  /** Columns that tell a row. */
  readonly by: readonly string[]
  readonly do: 'update' | 'nothing'
}

/**
 * Inserts the rows of a JSON list. PostgreSQL reads each value by its column's type, from the text that
 * stands in the JSON: numbers stay exact, a list fits an array, an object `json`.
 * @param columns that the rows have, at least one; the others get their default, or stay as they are.
 */
export function insertStatement(
  table: Table,
  columns: readonly string[],
  conflict: ConflictRule | null,
): string {
  const names = columns.map(quoteName).join(', ')
  const overriding = columns.some((name) => table.columns.get(name)?.isAlwaysIdentity === true)
  const into = `INSERT INTO ${quoteTable(table.name)}`
  const rows = `(${names})${overriding ? ' OVERRIDING SYSTEM VALUE' : ''} SELECT ${names} FROM ${recordset(table, columns)}`
  return `${into} ${rows}${conflict === null ? '' : ` ${onConflict(columns, conflict)}`}`
}

/** Deletes the rows that have the keys of a JSON list. */
export function deleteStatement(table: Table, by: readonly string[]): string {
  const same = by.map((name) => `t.${quoteName(name)} = x.${quoteName(name)}`).join(' AND ')
  return `DELETE FROM ${quoteTable(table.name)} AS t USING ${recordset(table, by)} WHERE ${same}`
}

function recordset(table: Table, columns: readonly string[]): string {
  const typed = columns.map((name) => `${quoteName(name)} ${table.columns.get(name)!.type}`)
  return `json_to_recordset($1::json) AS x(${typed.join(', ')})`
}

function onConflict(columns: readonly string[], { by, do: action }: ConflictRule): string {
  const target = `ON CONFLICT (${by.map(quoteName).join(', ')}) DO`
  const others = columns.filter((name) => !by.includes(name))
  if (action === 'nothing' || others.length === 0) return `${target} NOTHING`
  const updates = others.map((name) => `${quoteName(name)} = EXCLUDED.${quoteName(name)}`)
  return `${target} UPDATE SET ${updates.join(', ')}`
}
