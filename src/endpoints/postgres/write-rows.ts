import type { Row, RowShape } from './row-encoder.ts'
import { faultOf, rowMessage, type PostgresFault } from './postgres-error.ts'
import type { PostgresSession } from './postgres-session.ts'

/** A row that the server does not take. `final`: no repetition changes that. */
export interface UntakenRow {
  readonly index: number
  readonly isFinal: boolean
  readonly message: string
}

const savepoint = 'millrace_rows'

/**
 * Writes rows in the transaction at hand, with one statement for all of a shape. Rows of one key are
 * written in order. A row that the server refuses is found by halving, and left out.
 * @throws DatabaseError, and what a lost connection throws.
 */
export async function writeRows(
  session: PostgresSession,
  rows: readonly Row[],
): Promise<UntakenRow[]> {
  const untaken: UntakenRow[] = []
  for (const wave of wavesOf(rows)) {
    for (const group of wave.values()) await writeGroup(session, group, untaken)
  }
  return untaken
}

/** Rows by shape. In one wave no key has rows of two shapes, so that the order of the shapes does not matter. */
function* wavesOf(rows: readonly Row[]): Generator<ReadonlyMap<RowShape, Row[]>> {
  let wave = new Map<RowShape, Row[]>()
  let shapes = new Map<string, RowShape>()
  for (const row of rows) {
    const { shape, key } = row
    const before = key === null ? undefined : shapes.get(key)
    if (before !== undefined && before !== shape) {
      yield wave
      wave = new Map()
      shapes = new Map()
    }
    if (key !== null) shapes.set(key, shape)
    const group = wave.get(shape)
    if (group === undefined) wave.set(shape, [row])
    else group.push(row)
  }
  if (wave.size > 0) yield wave
}

async function writeGroup(
  session: PostgresSession,
  rows: readonly Row[],
  untaken: UntakenRow[],
): Promise<void> {
  const thrown = await attempt(session, rows)
  if (thrown === null) return
  const [only] = rows
  if (rows.length > 1) {
    const half = rows.length >> 1
    await writeGroup(session, rows.slice(0, half), untaken)
    await writeGroup(session, rows.slice(half), untaken)
  } else if (only !== undefined) {
    const { fault, error } = thrown
    untaken.push({ index: only.index, isFinal: fault === 'row', message: rowMessage(error) })
  }
}

/** null: all are written. */
async function attempt(
  session: PostgresSession,
  rows: readonly Row[],
): Promise<{ fault: PostgresFault; error: unknown } | null> {
  await session.execute(`SAVEPOINT ${savepoint}`)
  try {
    const { statement } = rows[0]!.shape
    await session.query(statement, [`[${lastOfEach(rows).join(',')}]`])
    return null
  } catch (error) {
    const fault = faultOf(error)
    if (fault !== 'row' && fault !== 'rows') throw error
    await session.execute(`ROLLBACK TO SAVEPOINT ${savepoint}`)
    return { fault, error }
  }
}

/** A statement may update a row once only: of several with one key the last is what remains. */
function lastOfEach(rows: readonly Row[]): readonly string[] {
  if (rows[0]?.shape.lastCounts !== true) return rows.map(({ text }) => text)
  return [...new Map(rows.map(({ key, text }) => [key, text])).values()]
}
