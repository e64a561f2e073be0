import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { invariant } from '../../core/errors.ts'
import type { StateChange } from '../../core/log.ts'
import { queryRows } from './query.ts'
import { rowChecksum, toStoredText } from './schema.ts'
import { decodeChanges, encodeChanges, type StateBatchRow } from './state-batch.ts'

/** So many changes of a task are merged at once, which takes some 50 ms. */
export const maxUnmergedChanges = 16_384

interface Unmerged {
  lastNumber: number
  changes: number
}

/**
 * Writes the state of tasks into an open transaction. The changes of a commit are one row; only many of
 * them together are merged into the table of entries. Writing 500 entries with random keys there would
 * write 500 pages anew, 8 MB, for each commit.
 */
export class StateWriter {
  readonly #selectUnmerged: StatementSync
  readonly #selectBatches: StatementSync
  readonly #insertBatch: StatementSync
  readonly #deleteBatches: StatementSync
  readonly #putEntry: StatementSync
  readonly #deleteEntry: StatementSync
  #unmerged = new Map<number, Unmerged>()

  constructor(db: DatabaseSync) {
    this.#selectUnmerged = db.prepare(
      'SELECT task, max(number) AS lastNumber, sum(count) AS changes FROM state_batches GROUP BY task',
    )
    this.#selectBatches = db.prepare(
      'SELECT number, count, changes, crc FROM state_batches WHERE task = ? ORDER BY number',
    )
    this.#insertBatch = db.prepare('INSERT INTO state_batches VALUES (?, ?, ?, ?, ?)')
    this.#deleteBatches = db.prepare('DELETE FROM state_batches WHERE task = ?')
    this.#putEntry = db.prepare('INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?, ?)')
    this.#deleteEntry = db.prepare('DELETE FROM state WHERE task = ? AND step = ? AND key = ?')
    this.load()
  }

  /** Reads what is not merged yet: at the start, and after a rollback or a reset. */
  load(): void {
    const rows = queryRows<{ task: number } & Unmerged>(this.#selectUnmerged)
    this.#unmerged = new Map(
      rows.map(({ task, lastNumber, changes }) => [task, { lastNumber, changes }]),
    )
  }

  write(task: number, changes: readonly StateChange[]): void {
    if (changes.length === 0) return
    const unmerged = this.#unmerged.get(task) ?? { lastNumber: 0, changes: 0 }
    this.#unmerged.set(task, unmerged)
    unmerged.lastNumber += 1
    unmerged.changes += changes.length
    const { lastNumber: number } = unmerged
    const text = encodeChanges(changes)
    const crc = rowChecksum(task, number, changes.length, text)
    this.#insertBatch.run(task, number, changes.length, text, crc)
    if (unmerged.changes >= maxUnmergedChanges) this.#merge(task)
  }

  #merge(task: number): void {
    const last = new Map<string, StateChange>()
    for (const row of queryRows<StateBatchRow>(this.#selectBatches, task)) {
      for (const change of decodeChanges(task, row)) {
        last.set(`${change.step}\u0000${change.key}`, change)
      }
    }
    invariant(last.size > 0, 'a task with unmerged changes has some')
    // In the order of the keys each page of the table is changed once.
    for (const name of [...last.keys()].toSorted()) this.#change(task, last.get(name)!)
    this.#deleteBatches.run(task)
    this.#unmerged.delete(task)
  }

  #change(task: number, { step, key, value, dueMs }: StateChange): void {
    const storedKey = toStoredText(key)
    if (value === null) {
      this.#deleteEntry.run(task, step, storedKey)
      return
    }
    const storedValue = toStoredText(value)
    const crc = rowChecksum(task, step, storedKey, storedValue, dueMs)
    this.#putEntry.run(task, step, storedKey, storedValue, dueMs, crc)
  }
}
