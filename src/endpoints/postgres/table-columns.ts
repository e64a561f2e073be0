import { PipelineError } from '../../core/errors.ts'
import type { PostgresSession } from './postgres-session.ts'
import { quoteTable, shownTable, type TableName } from './quote-name.ts'

export interface Column {
  /** As SQL takes it, with its length or scale. */
  readonly type: string
  /** Made by the server, and by nobody else. */
  readonly isGenerated: boolean
  /** Numbered by the server, which takes another number only when told so. */
  readonly isAlwaysIdentity: boolean
}

export interface Table {
  readonly name: TableName
  readonly columns: ReadonlyMap<string, Column>
  /** The columns of the primary key, in its order; empty where there is none. */
  readonly primaryKey: readonly string[]
}

const columnsQuery = `
  SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attgenerated, a.attidentity,
    pg_catalog.array_position(i.indkey::int2[], a.attnum)
  FROM pg_catalog.pg_attribute a
  LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
  WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY a.attnum`

/** To be called in a piece of work. @throws PipelineError PEER_REFUSED where there is no such table. */
export async function readTable(session: PostgresSession, name: TableName): Promise<Table> {
  const { rows } = await session.query(columnsQuery, [quoteTable(name)])
  if (rows.length === 0) {
    throw new PipelineError(
      'PEER_REFUSED',
      `there is no table "${shownTable(name)}" that the user can see: create it, or correct "table"`,
    )
  }
  const columns = new Map<string, Column>()
  const primaryKey: [position: number, name: string][] = []
  for (const [column, type, generated, identity, position] of rows) {
    columns.set(column!, {
      type: type!,
      isGenerated: generated !== '',
      isAlwaysIdentity: identity === 'a',
    })
    if (position !== null && position !== undefined) primaryKey.push([Number(position), column!])
  }
  primaryKey.sort(([left], [right]) => left - right)
  return { name, columns, primaryKey: primaryKey.map(([, column]) => column) }
}
