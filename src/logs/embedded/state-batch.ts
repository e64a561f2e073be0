import { PipelineError } from '../../core/errors.ts'
import type { StateChange } from '../../core/log.ts'
import { rowChecksum } from './schema.ts'

/** The state changes of one commit of a task. */
export interface StateBatchRow {
  readonly number: number
  readonly count: number
  readonly changes: string
  readonly crc: number
}

type EncodedChange = [step: string, key: string, value: string | null, dueMs: number | null]

/** JSON escapes what UTF-8 cannot hold, so that every key and value comes back as it was. */
export function encodeChanges(changes: readonly StateChange[]): string {
  const encoded = changes.map(({ step, key, value, dueMs }) => [step, key, value, dueMs])
  return JSON.stringify(encoded)
}

/** @throws PipelineError LOG_CORRUPT when the row is not as it was written. */
export function decodeChanges(task: number, row: StateBatchRow): StateChange[] {
  const { number, count, changes, crc } = row
  if (rowChecksum(task, number, count, changes) !== crc) {
    throw new PipelineError(
      'LOG_CORRUPT',
      `task number ${task}: stored state changes fail their checksum; restore a backup of the data ` +
        'directory, or run with --fresh to begin again',
    )
  }
  const encoded = JSON.parse(changes) as EncodedChange[]
  return encoded.map(([step, key, value, dueMs]) => ({ step, key, value, dueMs }))
}
