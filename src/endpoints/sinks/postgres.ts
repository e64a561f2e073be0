import { z } from 'zod'
import { connectionName, duration, expression } from '../../core/config-types.ts'
import { defineSink } from '../../core/endpoints.ts'
import { sqlName, tableName } from '../postgres/table-name.ts'
import { TableSink } from '../postgres/table-sink.ts'

const config = z
  .strictObject({
    connection: connectionName('postgres').describe('The server, by its name in `connections`.'),
    table: tableName().describe(
      'The table, which has to be there: `TABLE`, `SCHEMA.TABLE`, or `[SCHEMA, TABLE]` for names with a point.',
    ),
    columns: z
      .record(sqlName(), expression())
      .refine((columns) => Object.keys(columns).length > 0, 'there is no column')
      .optional()
      .describe(
        'By column an expression over the record; left out, each field of the value is the column of its name, and columns without a field get their default, or stay as they are.',
      ),
    mode: z
      .enum(['insert', 'upsert'])
      .default('insert')
      .describe('insert: a row that is there already is refused; upsert: see `conflict`.'),
    conflict: z
      .strictObject({
        by: z
          .array(sqlName())
          .min(1)
          .optional()
          .describe('Columns with a unique index, which tell a row; by default the primary key.'),
        do: z
          .enum(['update', 'nothing'])
          .default('update')
          .describe('What becomes of a row that is there already.'),
      })
      .optional()
      .describe('upsert: which row is meant, and what becomes of it.'),
    delete_on_null: z
      .boolean()
      .default(false)
      .describe(
        "upsert: a record whose value is null deletes its row. The row is told by the record's key, which is the value of the column, or a list of values for several; or by `columns`.",
      ),
    extra_fields: z
      .enum(['refuse', 'ignore'])
      .default('refuse')
      .describe('Without `columns`: what becomes of a record with a field that is no column.'),
    positions: z
      .union([z.literal(false), tableName()])
      .prefault('millrace_positions')
      .describe(
        'The table in which the sink keeps, in the same transactions, what it has written; made where it is missing. false: records are written again after a crash.',
      ),
    timeout: duration()
      .prefault('30s')
      .describe('How long the server may take for a batch, before the connection is cut.'),
  })
  .superRefine(({ mode, conflict, delete_on_null }, context) => {
    if (mode === 'upsert') return
    const given = Object.entries({ conflict, delete_on_null }).filter(([, value]) => value)
    for (const [name] of given) {
      const message = `"${name}" is a setting of "mode: upsert"`
      context.addIssue({ code: 'custom', path: [name], message })
    }
  })

export const postgresSink = defineSink({
  type: 'postgres',
  summary:
    'Writes rows to a table of a PostgreSQL server, a batch in one transaction. Values are read by the types of their columns: numbers stay exact, a list fits an array, an object `json`. A row that the server refuses fails alone.',
  config,
  examples: [
    {
      title: 'A row per country, as it is now',
      config: { connection: 'warehouse', table: 'totals', mode: 'upsert' },
    },
    {
      title: 'Chosen columns, with rows that go away with their records',
      config: {
        connection: 'warehouse',
        table: 'sales.orders',
        columns: { id: 'key', amount: 'value.amount', bought_at: 'value.ts' },
        mode: 'upsert',
        conflict: { by: ['id'] },
        delete_on_null: true,
      },
    },
  ],
  delivery: 'exactly_once',
  guarantee: ({ positions, mode }) =>
    positions === false
      ? {
          guarantee: 'at_least_once',
          why: 'The transaction is over first, then the position is committed.',
          afterCrash:
            mode === 'upsert'
              ? 'The rows since the last commit are written again, as they were.'
              : 'The rows since the last commit are inserted again.',
          dropBy: 'a unique index: "mode: upsert" then leaves one row of each.',
        }
      : {
          guarantee: 'effectively_once',
          why: 'Rows and what has been written stand in one transaction of the server: a record that comes again is left out, whoever brings it.',
          afterCrash: null,
          dropBy: null,
        },
  singleTask: () => false,
  files: () => [],
  // What others may have read stays; with a new log the task begins anew.
  reset: async () => {},
  create({ connection, table, columns, mode, conflict, timeout, ...more }, environment, memory) {
    return new TableSink(
      {
        connection,
        table,
        columns: columns === undefined ? null : new Map(Object.entries(columns)),
        conflict:
          mode === 'insert' ? null : { by: conflict?.by ?? [], do: conflict?.do ?? 'update' },
        deleteOnNull: more.delete_on_null,
        extraFields: more.extra_fields,
        positions: more.positions === false ? null : more.positions,
        timeoutMs: timeout,
      },
      environment,
      memory,
    )
  },
})
