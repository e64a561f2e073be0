import type { Clock } from '../../core/clock.ts'
import type { ConnectionName } from '../../core/connection-name.ts'
import type { ReadRequest, Source, SourceSlice } from '../../core/endpoints.ts'
import { PipelineError } from '../../core/errors.ts'
import { encodeJson, isJsonObject, type JsonValue } from '../../core/json.ts'
import { didYouMean } from '../../core/nearest-name.ts'
import { emptyBytes } from '../../core/record-batch.ts'
import { RecordBatchBuilder } from '../../core/record-batch-builder.ts'
import { rowsBehind, type CursorQuery } from './cursor-query.ts'
import { shownConnection } from './postgres-error.ts'
import { PostgresSession, type TextRow } from './postgres-session.ts'

export interface QuerySourceOptions {
  readonly connection: ConnectionName<'postgres'>
  readonly query: string
  readonly cursor: readonly string[]
  readonly settleMs: number | null
  readonly maxRowBytes: number
  /** How long to wait for more rows, ms; null: there are none then. */
  readonly everyMs: number | null
  readonly timeoutMs: number
}

/** Where a source stands: the cursor of the last row, as text by column. */
interface Place {
  readonly columns: readonly string[]
  readonly values: readonly string[]
}

const split = 'rows'
const firstFetch = 64
const maxFetch = 4_096
/** Of the bytes that a slice may have, what one fetch is meant to bring. */
const fetchShare = 0.5

/** Reads the rows of a query in the order of its cursor, again and again from where it stands. */
export class QuerySource implements Source {
  readonly #options: QuerySourceOptions
  readonly #clock: Clock
  readonly #closed = new AbortController()
  #place: Place | null
  #session: PostgresSession | null = null
  #query: CursorQuery | null = null
  #rowBytes: number | null = null

  /** @throws PipelineError CONFIG_INCOMPATIBLE when the position is that of another cursor. */
  constructor(
    options: QuerySourceOptions,
    clock: Clock,
    positions: ReadonlyMap<string, JsonValue>,
  ) {
    this.#options = options
    this.#clock = clock
    this.#place = placeOf(positions.get(split), options.cursor)
  }

  async read(request: ReadRequest): Promise<SourceSlice | null> {
    const { everyMs } = this.#options
    const signal = AbortSignal.any([request.signal, this.#closed.signal])
    while (!signal.aborted) {
      const rows = await this.#rows(request, signal)
      if (rows.length > 0) return this.#slice(rows)
      if (everyMs === null) return null
      await this.#clock.sleep(everyMs, signal)
    }
    return null
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#session?.close()
  }

  async #rows(request: ReadRequest, signal: AbortSignal): Promise<TextRow[]> {
    try {
      const session = await this.#open(signal)
      return await session.run('reading rows', signal, () => this.#fetch(session, request))
    } catch (thrown) {
      await this.#session?.close()
      this.#session = null
      if (signal.aborted) return []
      throw thrown
    }
  }

  async #open(signal: AbortSignal): Promise<PostgresSession> {
    if (this.#session !== null && !this.#session.isLost) return this.#session
    await this.#session?.close()
    const { connection, timeoutMs } = this.#options
    const options = { connection, clock: this.#clock, timeoutMs }
    const session = await PostgresSession.open(options, signal)
    this.#session = session
    this.#query = await session.run('looking at the query', signal, () => this.#describe(session))
    return session
  }

  /** Asks for the types of the columns, and so whether the query is one. */
  async #describe(session: PostgresSession): Promise<CursorQuery> {
    const { query, cursor, settleMs, maxRowBytes } = this.#options
    const { columns } = await session.query(`SELECT * FROM (${query}\n) AS q LIMIT 0`)
    const typeIds = cursor.map((name) => {
      const found = columns.find((column) => column.name === name)
      if (found !== undefined) return String(found.typeId)
      const known = columns.map((column) => column.name)
      throw new PipelineError(
        'PEER_REFUSED',
        `${shownConnection(this.#options.connection)}: the query has no column "${name}"${didYouMean(name, known)}, which "cursor" names`,
      )
    })
    const { rows } = await session.query(
      'SELECT pg_catalog.format_type(id::oid, NULL) FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS t (id, at) ORDER BY at',
      [typeIds],
    )
    return { query, cursor, types: rows.map(([type]) => type!), settleMs, maxRowBytes }
  }

  /** No more than a slice may have: the server keeps the rest, for the next one. */
  async #fetch(session: PostgresSession, request: ReadRequest): Promise<TextRow[]> {
    const { timeoutMs } = this.#options
    await session.execute(
      `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL TimeZone = 'UTC'; ` +
        `SET LOCAL DateStyle = 'ISO'; SET LOCAL statement_timeout = ${timeoutMs}; ` +
        `SET LOCAL idle_in_transaction_session_timeout = ${timeoutMs}`,
    )
    const text = rowsBehind(this.#query!, this.#place === null)
    const values = this.#place?.values ?? []
    await session.query(`DECLARE millrace_rows NO SCROLL CURSOR FOR ${text}`, values)
    const rows: TextRow[] = []
    let bytes = 0
    for (;;) {
      const wanted = Math.min(request.maxRecords - rows.length, this.#fetchSize(request))
      const fetched = await session.query(`FETCH ${wanted} FROM millrace_rows`)
      for (const row of fetched.rows) {
        rows.push(row)
        bytes += row[0]?.length ?? 0
      }
      if (rows.length > 0) this.#rowBytes = bytes / rows.length
      const isEnd = fetched.rows.length < wanted
      if (isEnd || rows.length >= request.maxRecords || bytes >= request.maxBytes) break
    }
    await session.execute('COMMIT')
    return rows
  }

  #fetchSize({ maxBytes }: ReadRequest): number {
    if (this.#rowBytes === null) return firstFetch
    const fitting = Math.floor((fetchShare * maxBytes) / Math.max(1, this.#rowBytes))
    return Math.min(maxFetch, Math.max(1, fitting))
  }

  #slice(rows: readonly TextRow[]): SourceSlice {
    const { cursor, maxRowBytes } = this.#options
    const builder = new RecordBatchBuilder('')
    const times = {
      timestampMs: this.#clock.wallMs(),
      eventTimeMs: Number.NaN,
      ingestUs: this.#clock.monotonicUs(),
      waitUs: 0,
      runUs: 0,
    }
    const failures: SourceSlice['failures'][number][] = []
    for (const [index, [value = null, ...place]] of rows.entries()) {
      const kept =
        value ?? encodeJson(Object.fromEntries(cursor.map((name, at) => [name, place[at]!])))
      builder.append({ key: null, value: kept, headers: emptyBytes, times })
      if (value !== null) continue
      const message = `the row has more than ${maxRowBytes} bytes ("max_record"); its cursor is all that is kept`
      failures.push({ index, code: 'RECORD_TOO_LARGE', message })
    }
    const values = rows.at(-1)!.slice(1).map(String)
    this.#place = { columns: cursor, values }
    return {
      batch: builder.finish(),
      failures,
      positions: new Map([[split, { columns: [...cursor], values }]]),
      info: () => ({}),
    }
  }
}

function placeOf(position: JsonValue | undefined, cursor: readonly string[]): Place | null {
  if (!isJsonObject(position)) return null
  const { columns, values } = position as unknown as Place
  if (columns.join('\0') === cursor.join('\0')) return { columns, values }
  throw new PipelineError(
    'CONFIG_INCOMPATIBLE',
    `the source stands behind a row by ${columns.join(', ')}, and its cursor is ${cursor.join(', ')} now: undo the change, or run the pipeline with --fresh`,
  )
}
