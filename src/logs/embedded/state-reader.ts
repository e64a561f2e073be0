import type { DatabaseSync } from 'node:sqlite'
import { PipelineError } from '../../core/errors.ts'
import type { StateChange } from '../../core/log.ts'
import { queryRows } from './query.ts'
import { fromStoredText, rowChecksum, type StoredText } from './schema.ts'
import { toPipelineError } from './sqlite-error.ts'

type StateColumns = [
  step: string,
  key: StoredText,
  value: StoredText,
  dueMs: number | null,
  crc: number,
]

const selectState =
  'SELECT step, key, value, due_ms, crc FROM state WHERE task = ? ORDER BY step, key'

/** @throws PipelineError LOG_CORRUPT, LOG_IO */
export function readState(db: DatabaseSync, task: { id: string; number: number }): StateChange[] {
  const changes: StateChange[] = []
  try {
    const select = db.prepare(selectState)
    select.setReturnArrays(true)
    for (const row of queryRows<StateColumns>(select, task.number)) {
      const [step, key, value, dueMs, crc] = row
      if (rowChecksum(task.number, step, key, value, dueMs) !== crc) throw corrupt(task.id, step)
      changes.push({ step, key: fromStoredText(key), value: fromStoredText(value), dueMs })
    }
    return changes
  } catch (error) {
    throw toPipelineError(error, `reading the state of task ${task.id}`)
  }
}

function corrupt(task: string, step: string): PipelineError {
  return new PipelineError(
    'LOG_CORRUPT',
    `task ${task}: a stored entry of step ${step} fails its checksum; restore a backup of the data ` +
      'directory, or run with --fresh to begin again',
  )
}
