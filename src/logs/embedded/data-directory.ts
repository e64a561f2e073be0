import { accessSync, closeSync, constants, mkdirSync, openSync, statSync } from 'node:fs'
import { messageOf, PipelineError } from '../../core/errors.ts'

/**
 * Makes the data directory unless it exists. It and its files are for the user alone.
 * @throws PipelineError CONFIG_FILE
 */
export function prepareDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw unusable(directory, error)
  }
  assertDirectory(directory)
}

/** @throws PipelineError CONFIG_FILE unless it is a directory this user may write to. */
export function assertDirectory(directory: string): void {
  try {
    if (!statSync(directory).isDirectory()) throw new Error('it is not a directory')
    // Reading needs this too: SQLite's readers share a file with the writer.
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw unusable(directory, error)
  }
}

/**
 * Creates a file readable by its owner only, before SQLite would make it readable for all. An existing
 * file is not even opened: closing it again would drop the locks that SQLite holds on it.
 */
export function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    const isFull = (error as NodeJS.ErrnoException).code === 'ENOSPC'
    const what = `creating ${path}: ${messageOf(error)}`
    throw new PipelineError(isFull ? 'DISK_FULL' : 'LOG_IO', what, { cause: error })
  }
}

function unusable(directory: string, cause: unknown): PipelineError {
  return new PipelineError(
    'CONFIG_FILE',
    `data directory ${directory} cannot be used: ${messageOf(cause)}; choose a directory that this user ` +
      'may write to (--data-dir)',
    { cause },
  )
}
