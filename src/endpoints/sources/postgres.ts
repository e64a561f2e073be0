import { z } from 'zod'
import { connectionName, duration, size } from '../../core/config-types.ts'
import { defineSource } from '../../core/endpoints.ts'
import { QuerySource } from '../postgres/query-source.ts'
import { quoteTable } from '../postgres/quote-name.ts'
import { sqlName, tableName } from '../postgres/table-name.ts'

const maxRowBytes = 1_073_741_824

const config = z
  .strictObject({
    connection: connectionName('postgres').describe('The server, by its name in `connections`.'),
    query: z
      .string()
      .transform((text) => text.replace(/[\s;]+$/, ''))
      .refine((text) => text !== '', 'there is no query')
      .optional()
      .describe(
        'A SELECT. The source puts it in brackets, with its own condition, order and limit outside: it needs none for the cursor.',
      ),
    table: tableName().optional().describe('In place of a query: a table with all its columns.'),
    cursor: z
      .union([sqlName(), z.array(sqlName()).min(1)])
      .transform((names) => [names].flat())
      .refine((names) => new Set(names).size === names.length, 'a column stands there twice')
      .describe(
        'The columns that order the rows, with an index; together they tell a row, as in `[updated_at, id]`. Rows are read once their cursor is greater than that of all rows before; a row without a value there never is.',
      ),
    settle: duration()
      .optional()
      .describe(
        'Where the first column of the cursor is a timestamp: rows are read when they are that old. Longer than a transaction takes that writes them, or what it writes with an earlier time is missed.',
      ),
    every: duration()
      .prefault('5s')
      .describe('How long to wait after the last row before looking for more.'),
    bounded: z
      .boolean()
      .default(false)
      .describe('true: the source ends after the last row. The next run goes on from there.'),
    max_record: size()
      .refine((bytes) => bytes >= 1 && bytes <= maxRowBytes, 'max_record lies between 1B and 1GiB')
      .prefault('16MiB')
      .describe('A longer row is dead-lettered with its cursor.'),
    timeout: duration()
      .prefault('30s')
      .describe('How long the server may take for a query, before the connection is cut.'),
  })
  .superRefine(({ query, table }, context) => {
    if ((query === undefined) !== (table === undefined)) return
    context.addIssue({ code: 'custom', path: [], message: 'name either a "query" or a "table"' })
  })

export const postgresSource = defineSource({
  type: 'postgres',
  summary:
    'Reads rows of a PostgreSQL server in the order of a cursor, as JSON objects with numbers as they are, and looks for more. Changes of rows behind the cursor are seen only where they move it, as an `updated_at` does; deletions never.',
  config,
  examples: [
    {
      title: 'A table that grows',
      config: { connection: 'warehouse', table: 'sales.orders', cursor: 'id' },
    },
    {
      title: 'What was changed, with a column that tells rows of one time apart',
      config: {
        connection: 'warehouse',
        query: "SELECT id, updated_at, amount FROM orders WHERE state <> 'draft'",
        cursor: ['updated_at', 'id'],
        settle: '10s',
      },
    },
  ],
  bounded: ({ bounded }) => bounded,
  files: () => [],
  replayable: true,
  guarantee: () => ({
    guarantee: 'exactly_once',
    why: 'The cursor of the last row is committed with the rows that were read up to it.',
    afterCrash: null,
    dropBy: null,
  }),
  create(setting, { clock }, positions) {
    const { connection, query, table, cursor, settle, every, bounded } = setting
    return new QuerySource(
      {
        connection,
        query: query ?? `SELECT * FROM ${quoteTable(table!)}`,
        cursor,
        settleMs: settle ?? null,
        maxRowBytes: setting.max_record,
        everyMs: bounded ? null : every,
        timeoutMs: setting.timeout,
      },
      clock,
      positions,
    )
  },
})
