import pg from 'pg'
import type { SinkOrigins } from '../../core/endpoints.ts'
import { PipelineError } from '../../core/errors.ts'
import { faultOf } from './postgres-error.ts'
import type { PostgresSession } from './postgres-session.ts'
import { quoteTable, shownTable, type TableName } from './quote-name.ts'

/** A record that was left out, while others behind it were written. */
interface Gap {
  readonly input: string
  readonly offset: string
  readonly ordinal: number
  /** Which step of the positions left it out. */
  readonly step: number
}

interface Stored {
  /** Counts how often the positions have moved on. */
  readonly step: number
  /** By input: the offset behind the last record that was written. */
  readonly next: Readonly<Record<string, string>>
  readonly gaps: readonly Gap[]
}

const nothing: Stored = { step: 0, next: {}, gaps: [] }
/**
 * The log commits a batch before the batch after the next is written: what was left out longer ago
 * has been told.
 */
const stepsKept = 2

/** The server makes it, or somebody else did. */
const madeMeanwhile: ReadonlySet<string | undefined> = new Set(['42P07', '23505'])

/**
 * What the tasks of sinks have written, in a table beside what they wrote and in the same transactions: a
 * record is written once, whoever writes it and however often it comes. A task has its row under an id
 * that the log keeps; with a new log it begins anew.
 */
export class SinkPositions {
  readonly #table: string
  readonly #shown: string

  constructor(table: TableName) {
    this.#table = quoteTable(table)
    this.#shown = shownTable(table)
  }

  /** Makes the table where it is missing. @throws PipelineError PEER_REFUSED where that is not allowed. */
  async prepare(session: PostgresSession): Promise<void> {
    const { rows } = await session.query('SELECT pg_catalog.to_regclass($1)', [this.#table])
    if (rows[0]?.[0] !== null) return
    const statement =
      `CREATE TABLE ${this.#table} (id text PRIMARY KEY, task text NOT NULL, positions json NOT NULL, ` +
      'updated_at timestamptz NOT NULL DEFAULT pg_catalog.now())'
    try {
      await session.execute(statement)
    } catch (thrown) {
      if (!(thrown instanceof pg.DatabaseError) || faultOf(thrown) === 'away') throw thrown
      if (madeMeanwhile.has(thrown.code)) return
      throw new PipelineError(
        'PEER_REFUSED',
        `the table "${this.#shown}", in which the sink keeps what it has written, cannot be made: ${thrown.message}; let somebody run: ${statement}; or set "positions: false"`,
        { cause: thrown },
      )
    }
  }

  /** @returns whether the task has a row from before. */
  async claim(session: PostgresSession, id: string): Promise<boolean> {
    const { count } = await session.query(
      `INSERT INTO ${this.#table} (id, task, positions) VALUES ($1, '', $2) ON CONFLICT (id) DO NOTHING`,
      [id, JSON.stringify(nothing)],
    )
    return count === 0
  }

  /** In the transaction that writes: who else writes for this task waits until it is over. */
  async lock(session: PostgresSession, id: string): Promise<WrittenSoFar> {
    const { rows } = await session.query(
      `SELECT positions FROM ${this.#table} WHERE id = $1 FOR UPDATE`,
      [id],
    )
    const text = rows[0]?.[0]
    return new WrittenSoFar(text == null ? nothing : (JSON.parse(text) as Stored))
  }

  async save(
    session: PostgresSession,
    { id, task, written }: { id: string; task: string; written: WrittenSoFar },
  ): Promise<void> {
    await session.query(
      `INSERT INTO ${this.#table} (id, task, positions) VALUES ($1, $2, $3)
        ON CONFLICT (id) DO UPDATE SET task = EXCLUDED.task, positions = EXCLUDED.positions,
          updated_at = pg_catalog.now()`,
      [id, task, JSON.stringify(written.stored)],
    )
  }
}

/** What of a task has been written, before and with the transaction at hand. */
export class WrittenSoFar {
  readonly #before: Stored
  readonly #gaps: ReadonlySet<string>
  #after: Stored

  constructor(stored: Stored) {
    this.#before = stored
    this.#after = stored
    this.#gaps = new Set(stored.gaps.map(idOf))
  }

  get stored(): Stored {
    return this.#after
  }

  has(origins: SinkOrigins, index: number): boolean {
    const input = origins.input(index)
    if (input === null) return false
    const next = this.#before.next[input]
    const offset = origins.offset(index)
    if (next === undefined || offset >= BigInt(next)) return false
    const gap = { input, offset: String(offset), ordinal: origins.ordinal(index) }
    return this.#gaps.size === 0 || !this.#gaps.has(idOf(gap))
  }

  /** The batch is being written, but for the records that are left out. */
  add(origins: SinkOrigins, count: number, leftOut: ReadonlySet<number>): void {
    const next = new Map(Object.entries(this.#before.next))
    const offered = new Set<string>()
    const gaps: Gap[] = []
    const step = this.#before.step + (this.#movesOn(origins, count, next) ? 1 : 0)
    for (let index = 0; index < count; index++) {
      const input = origins.input(index)
      if (input === null) continue
      if (this.#gaps.size === 0 && !leftOut.has(index)) continue
      const at = { input, offset: String(origins.offset(index)), ordinal: origins.ordinal(index) }
      offered.add(idOf(at))
      if (leftOut.has(index)) gaps.push({ ...at, step })
    }
    const kept = this.#before.gaps.filter(
      (gap) => gap.step > step - stepsKept && !offered.has(idOf(gap)),
    )
    this.#after = { step, next: Object.fromEntries(next), gaps: [...kept, ...gaps] }
  }

  /** Moves the positions behind the batch; whether any of them has changed. */
  #movesOn(origins: SinkOrigins, count: number, next: Map<string, string>): boolean {
    const last = new Map<string, bigint>()
    for (let index = 0; index < count; index++) {
      const input = origins.input(index)
      if (input !== null) last.set(input, origins.offset(index))
    }
    let moves = false
    for (const [input, offset] of last) {
      const before = next.get(input)
      if (before !== undefined && BigInt(before) > offset) continue
      next.set(input, String(offset + 1n))
      moves = true
    }
    return moves
  }
}

function idOf({ input, offset, ordinal }: Omit<Gap, 'step'>): string {
  return `${input} ${offset} ${ordinal}`
}
