import type { Clock, Random } from '../../core/clock.ts'
import type { ConnectionName } from '../../core/connection-name.ts'
import type { Sink, SinkMemory, SinkOrigins, SinkReceipt } from '../../core/endpoints.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Expression } from '../../core/expression.ts'
import { isJsonObject } from '../../core/json.ts'
import { didYouMean } from '../../core/nearest-name.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import { faultOf, postgresError, shownConnection } from './postgres-error.ts'
import { PostgresSession } from './postgres-session.ts'
import { shownTable, type TableName } from './quote-name.ts'
import { RowEncoder, type Row, type RowFailure } from './row-encoder.ts'
import type { ConflictRule } from './row-statements.ts'
import { SinkPositions, WrittenSoFar } from './sink-positions.ts'
import { readTable, type Table } from './table-columns.ts'
import { writeRows } from './write-rows.ts'

export interface TableSinkOptions {
  readonly connection: ConnectionName<'postgres'>
  readonly table: TableName
  /** By column; null: the fields of the value are its columns. */
  readonly columns: ReadonlyMap<string, Expression> | null
  /** null: rows are inserted, and one that is there already is refused. `by` empty: the primary key. */
  readonly conflict: ConflictRule | null
  readonly deleteOnNull: boolean
  readonly extraFields: 'refuse' | 'ignore'
  /** null: nothing is kept beside the rows, and so they are written again after a crash. */
  readonly positions: TableName | null
  readonly timeoutMs: number
}

export interface TableSinkEnvironment {
  readonly clock: Clock
  readonly random: Random
  readonly notice: (message: string) => void
}

/** Conflicts with other transactions that are met with another try at once, before the stage waits. */
const maxConflicts = 5
const conflictPauseMs = 20
/** What others may hold of the rows, and of the position, before the server gives up the wait. */
const lockTimeoutMs = 10_000

/** Writes batches to a table, each in one transaction with the position of its task. */
export class TableSink implements Sink {
  readonly #options: TableSinkOptions
  readonly #environment: TableSinkEnvironment
  readonly #positions: SinkPositions | null
  readonly #closed = new AbortController()
  #id: string | null
  #session: PostgresSession | null = null
  #encoder: RowEncoder | null = null

  constructor(options: TableSinkOptions, environment: TableSinkEnvironment, memory: SinkMemory) {
    this.#options = options
    this.#environment = environment
    this.#positions = options.positions === null ? null : new SinkPositions(options.positions)
    this.#id = isJsonObject(memory) && typeof memory['id'] === 'string' ? memory['id'] : null
  }

  async begin(): Promise<SinkMemory> {
    const { signal } = this.#closed
    const session = await this.#open(signal)
    if (this.#positions === null) return null
    const positions = this.#positions
    return session.run('preparing to write', signal, async () => {
      await positions.prepare(session)
      const isNew = this.#id === null
      this.#id ??= randomId(this.#environment.random)
      const isKnown = await positions.claim(session, this.#id)
      if (!isNew && !isKnown) this.#tellOfLoss()
      return { id: this.#id }
    })
  }

  async write(
    batch: RecordBatch,
    signal: AbortSignal,
    origins?: SinkOrigins,
  ): Promise<SinkReceipt> {
    const both = AbortSignal.any([signal, this.#closed.signal])
    const session = await this.#open(both)
    const work = { batch, origins: origins ?? noOrigins }
    return session.run('writing', both, () => this.#repeating(session, work, both))
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#session?.close()
    this.#session = null
  }

  /** The connection of before, or a new one, on which the table is looked at again. */
  async #open(signal: AbortSignal): Promise<PostgresSession> {
    if (this.#session !== null && !this.#session.isLost) return this.#session
    await this.#session?.close()
    const { connection, timeoutMs } = this.#options
    const { clock } = this.#environment
    const session = await PostgresSession.open({ connection, clock, timeoutMs }, signal)
    this.#session = session
    this.#encoder = await session.run('looking at the table', signal, async () => {
      return this.#encoderFor(await readTable(session, this.#options.table))
    })
    return session
  }

  #encoderFor(table: Table): RowEncoder {
    const { columns, conflict, deleteOnNull, extraFields } = this.#options
    const by = conflict === null || conflict.by.length > 0 ? conflict?.by : table.primaryKey
    for (const name of [...(columns?.keys() ?? []), ...(by ?? [])]) this.#assertColumn(table, name)
    if (conflict !== null && by?.length === 0) {
      const shown = shownTable(table.name)
      throw this.#refused(`the table "${shown}" has no primary key: name columns in "conflict.by"`)
    }
    const rule = conflict === null ? null : { by: by ?? [], do: conflict.do }
    return new RowEncoder({ table, columns, conflict: rule, deleteOnNull, extraFields })
  }

  #assertColumn({ name: table, columns }: Table, name: string): void {
    if (columns.get(name)?.isGenerated === false) return
    const shown = shownTable(table)
    throw this.#refused(
      columns.has(name)
        ? `the column "${name}" of the table "${shown}" is made by the server: leave it out`
        : `the table "${shown}" has no column "${name}"${didYouMean(name, [...columns.keys()])}`,
    )
  }

  #refused(problem: string): PipelineError {
    const message = `${shownConnection(this.#options.connection)}: ${problem}`
    return new PipelineError('PEER_REFUSED', message)
  }

  /** Deadlocks and the like: the transaction is gone, and the next one may have more luck. */
  async #repeating(
    session: PostgresSession,
    work: Work,
    signal: AbortSignal,
  ): Promise<SinkReceipt> {
    for (let conflicts = 1; ; conflicts++) {
      try {
        return await this.#transaction(session, work)
      } catch (thrown) {
        if (faultOf(thrown) !== 'again' || conflicts >= maxConflicts || session.isLost) {
          await session.close()
          throw postgresError(thrown, this.#options.connection, 'writing')
        }
        await session.execute('ROLLBACK')
        const { clock, random } = this.#environment
        await clock.sleep(conflictPauseMs * conflicts * (0.5 + random.next()), signal)
      }
    }
  }

  async #transaction(session: PostgresSession, { batch, origins }: Work): Promise<SinkReceipt> {
    await session.execute(
      `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL TimeZone = 'UTC'; ` +
        `SET LOCAL statement_timeout = ${this.#options.timeoutMs}; ` +
        `SET LOCAL lock_timeout = ${lockTimeoutMs}; ` +
        `SET LOCAL idle_in_transaction_session_timeout = ${this.#options.timeoutMs}`,
    )
    const written = (await this.#positions?.lock(session, this.#id!)) ?? null
    const { rows, failures } = this.#rowsOf(batch, origins, written)
    const untaken = await writeRows(session, rows)
    if (written !== null) {
      const leftOut = new Set([...failures, ...untaken].map(({ index }) => index))
      written.add(origins, batch.count, leftOut)
      await this.#positions!.save(session, { id: this.#id!, task: batch.writer, written })
    }
    await session.execute('COMMIT')
    const final = untaken.filter(({ isFinal }) => isFinal)
    return {
      memory: this.#positions === null ? null : { id: this.#id! },
      failures: [
        ...failures,
        ...final.map(({ index, message }) => ({
          index,
          code: 'RECORD_REJECTED' as const,
          message,
        })),
      ],
      refused: untaken.filter(({ isFinal }) => !isFinal),
    }
  }

  /** What is written already is left out. */
  #rowsOf(
    batch: RecordBatch,
    origins: SinkOrigins,
    written: WrittenSoFar | null,
  ): { rows: Row[]; failures: RowFailure[] } {
    const rows: Row[] = []
    const failures: RowFailure[] = []
    for (let index = 0; index < batch.count; index++) {
      if (written?.has(origins, index) === true) continue
      const row = this.#encoder!.encode(batch, index)
      if ('code' in row) failures.push(row)
      else rows.push(row)
    }
    return { rows, failures }
  }

  #tellOfLoss(): void {
    const { connection, positions } = this.#options
    this.#environment.notice(
      `${shownConnection(connection)} no longer knows what was written: the table "${shownTable(positions!)}" has lost the row of this task, with the server or by somebody's hand. Rows that were acknowledged may be missing as well`,
    )
  }
}

interface Work {
  readonly batch: RecordBatch
  readonly origins: SinkOrigins
}

const noOrigins: SinkOrigins = { input: () => null, offset: () => -1n, ordinal: () => 0 }

const idWords = 4

function randomId(random: Random): string {
  const word = () =>
    Math.floor(random.next() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  return Array.from({ length: idWords }, word).join('')
}
