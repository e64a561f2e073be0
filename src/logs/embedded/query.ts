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
