import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../core/clock.ts'
import { messageOf, PipelineError } from '../../core/errors.ts'
import { decodeJson, isJsonObject } from '../../core/json.ts'
import { createPrivately } from './data-directory.ts'
import { isBusy, toPipelineError } from './sqlite-error.ts'

/** Long enough for a holder that is just letting go, and well below a second. */
const lockWaitMs = 250

/**
 * The right to write to a data directory: an exclusive transaction held open on `lock.db`, which the
 * operating system ends with the process, however that dies. `lock.json` only says who holds it.
 */
export class DirectoryLock {
  readonly #db: DatabaseSync
  readonly #plate: string

  /** @throws PipelineError DATA_DIR_IN_USE, naming the holder; DISK_FULL, LOG_IO */
  constructor({ directory, clock }: { directory: string; clock: Clock }) {
    const path = join(directory, 'lock.db')
    this.#plate = join(directory, 'lock.json')
    createPrivately(path)
    this.#db = new DatabaseSync(path, { timeout: lockWaitMs })
    try {
      this.#db.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      this.#db.close()
      if (isBusy(error)) throw inUse(directory, this.#plate)
      throw toPipelineError(error, `locking ${path}`)
    }
    this.#hang(new Date(clock.wallMs()).toISOString())
  }

  release(): void {
    // In this order: a plate without a lock harms nobody, a lock without a plate puzzles people.
    rmSync(this.#plate, { force: true })
    this.#db.close()
  }

  #hang(since: string): void {
    const holder = { pid: process.pid, host: hostname(), since }
    const draft = `${this.#plate}.new`
    try {
      writeFileSync(draft, `${JSON.stringify(holder)}\n`, { mode: 0o600 })
      renameSync(draft, this.#plate)
    } catch (error) {
      this.#db.close()
      throw new PipelineError('LOG_IO', `writing ${this.#plate}: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }
}

function inUse(directory: string, plate: string): PipelineError {
  return new PipelineError(
    'DATA_DIR_IN_USE',
    `data directory ${directory} is in use by ${readHolder(plate)}; stop that process first, or give ` +
      'this one a directory of its own (--data-dir)',
  )
}

/** For a message only: whatever is wrong with the plate, the lock itself is certain. */
function readHolder(plate: string): string {
  try {
    const holder = decodeJson(readFileSync(plate, 'utf8'))
    if (!isJsonObject(holder)) return 'another process'
    const { pid, host, since } = holder
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof since !== 'string') {
      return 'another process'
    }
    return `${pid === process.pid ? 'this very process' : `process ${pid}`} on ${host} since ${since}`
  } catch {
    return 'another process'
  }
}
