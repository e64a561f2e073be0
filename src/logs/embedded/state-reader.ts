import type { DatabaseSync } from 'node:sqlite'
import { PipelineError } from '../../core/errors.ts'
import type { StateChange } from '../../core/log.ts'
import { queryRows } from './query.ts'
import { inReadTransaction } from './read-transaction.ts'
import { fromStoredText, rowChecksum, type StoredText } from './schema.ts'
import { decodeChanges, type StateBatchRow } from './state-batch.ts'

interface StateRow {
  readonly step: string
  readonly key: StoredText
  readonly value: StoredText
  readonly due_ms: number | null
  readonly crc: number
}

const selectEntries = 'SELECT step, key, value, due_ms, crc FROM state WHERE task = ?'
const selectBatches =
  'SELECT number, count, changes, crc FROM state_batches WHERE task = ? ORDER BY number'

/**
 * The merged entries of a task with its unmerged changes on top.
 * @throws PipelineError LOG_CORRUPT, LOG_IO
 */
export function readState(db: DatabaseSync, task: { id: string; number: number }): StateChange[] {
  return inReadTransaction(db, `reading the state of task ${task.id}`, () => {
    const entries = new Map<string, StateChange>()
    for (const row of queryRows<StateRow>(db.prepare(selectEntries), task.number)) {
      const { step, key: storedKey, value, due_ms: dueMs, crc } = row
      const isIntact = rowChecksum(task.number, step, storedKey, value, dueMs) === crc
      if (!isIntact) throw corrupt(task.id, step)
      const key = fromStoredText(storedKey)
      entries.set(`${step}\u0000${key}`, { step, key, value: fromStoredText(value), dueMs })
    }
    for (const row of queryRows<StateBatchRow>(db.prepare(selectBatches), task.number)) {
      for (const change of decodeChanges(task.number, row)) {
        if (change.value === null) entries.delete(`${change.step}\u0000${change.key}`)
        else entries.set(`${change.step}\u0000${change.key}`, change)
      }
    }
    return [...entries.values()]
  })
}

function corrupt(task: string, step: string): PipelineError {
  return new PipelineError(
    'LOG_CORRUPT',
    `task ${task}: a stored entry of step ${step} fails its checksum; restore a backup of the data ` +
      'directory, or run with --fresh to begin again',
  )
}
