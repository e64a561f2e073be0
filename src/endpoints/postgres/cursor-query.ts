import { quoteName } from './quote-name.ts'

export interface CursorQuery {
  /** What is read, as a query without an end mark. */
  readonly query: string
  /** Columns that order the rows and tell them apart, the most significant first. */
  readonly cursor: readonly string[]
  /** By column of the cursor: its type, as SQL takes it. */
  readonly types: readonly string[]
  /** Rows are left for later that are not as old as this by the first column of the cursor, ms; null: none are. */
  readonly settleMs: number | null
  readonly maxRowBytes: number
}

/**
 * Rows behind a place, in the order of the cursor. Each has its JSON as the server writes it, or null where that
 * is too long; then its place, by column as text.
 * @param isFirst without a place: from the first row on. With one it stands in the parameters $1, $2 ...
 */
export function rowsBehind(
  { query, cursor, types, settleMs, maxRowBytes }: CursorQuery,
  isFirst: boolean,
): string {
  const names = cursor.map((name) => `q.${quoteName(name)}`)
  const texts = names.map((name, index) => `${name}::text AS c${index}`).join(', ')
  const values = types.map((type, index) => `$${index + 1}::text::${type}`).join(', ')
  const conditions = names.map((name) => `${name} IS NOT NULL`)
  if (!isFirst) conditions.push(`(${names.join(', ')}) > (${values})`)
  if (settleMs !== null) {
    conditions.push(
      `${names[0]!} <= pg_catalog.clock_timestamp() - ${settleMs} * interval '1 millisecond'`,
    )
  }
  const rows =
    `SELECT pg_catalog.row_to_json(q)::text AS line, ${texts} FROM (${query}\n) AS q ` +
    `WHERE ${conditions.join(' AND ')} ORDER BY ${names.join(', ')}`
  const places = cursor.map((_, index) => `c${index}`).join(', ')
  const row = `CASE WHEN pg_catalog.octet_length(line) > ${maxRowBytes} THEN NULL ELSE line END`
  return `SELECT ${row}, ${places} FROM (${rows}) AS r`
}
