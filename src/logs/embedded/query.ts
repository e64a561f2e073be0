import type { SQLInputValue, StatementSync } from 'node:sqlite'

/**
 * Runs a statement whose rows are known to have the shape `Row`: it stands beside the call, and the
 * tables are strict about the types of their columns.
 */
export function queryRows<Row>(
  statement: StatementSync,
  ...parameters: readonly SQLInputValue[]
): Row[] {
  const rows: unknown = statement.all(...parameters)
  return rows as Row[]
}

/** As `queryRows`, for the first row. */
export function queryRow<Row>(
  statement: StatementSync,
  ...parameters: readonly SQLInputValue[]
): Row | undefined {
  const row: unknown = statement.get(...parameters)
  return row as Row | undefined
}
