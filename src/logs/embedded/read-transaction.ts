import type { DatabaseSync } from 'node:sqlite'
import { toPipelineError } from './sqlite-error.ts'

/**
 * Lets all reads of `body` see one moment. Keep it short: the writer cannot reuse its WAL meanwhile.
 * @param doing for the message, such as "reading the topics".
 */
export function inReadTransaction<T>(db: DatabaseSync, doing: string, body: () => T): T {
  try {
    db.exec('BEGIN')
    try {
      return body()
    } finally {
      db.exec('COMMIT')
    }
  } catch (error) {
    throw toPipelineError(error, doing)
  }
}
