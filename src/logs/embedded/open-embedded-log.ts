import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../core/clock.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { BatchReader } from './batch-reader.ts'
import { assertDirectory, prepareDirectory } from './data-directory.ts'
import { EmbeddedLog } from './embedded-log.ts'
import { EmbeddedReader } from './embedded-reader.ts'
import { armFailpoint } from '../arm-failpoint.ts'
import { assertFormat, assertSqliteVersion } from './format.ts'
import { DirectoryLock } from './lock.ts'
import { toPipelineError } from './sqlite-error.ts'
import { logFileName } from './storage.ts'
import { Writer } from './writer.ts'

export interface EmbeddedLogOptions {
  readonly directory: string
  readonly clock: Clock
  /** Only look: works while another process writes. Opening tasks and writing admin calls are refused. */
  readonly readOnly?: boolean
  /** For what users should know while all goes on: a full disk, a check after a crash. */
  readonly notice?: (message: string) => void
  /** For tests: see `armFailpoint`. */
  readonly failpoint?: string | undefined
}

/** How long a reader waits for another process that is just recovering or closing the file. */
const readerWaitMs = 1_000

/**
 * Opens the log of a data directory. Writing creates it when there is none, and allows no second writer.
 * @throws PipelineError as `openWritableLog` and `openReadOnlyLog`
 */
export function openEmbeddedLog(options: EmbeddedLogOptions): Promise<Log> {
  return options.readOnly === true ? openReadOnlyLog(options) : openWritableLog(options)
}

/** @throws PipelineError DATA_DIR_IN_USE, CONFIG_FILE, DISK_FULL, LOG_CORRUPT, LOG_IO, LOG_VERSION */
export async function openWritableLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  const { directory, clock, failpoint, notice = () => {} } = options
  prepareDirectory(directory)
  const lock = new DirectoryLock({ directory, clock })
  let writer: Writer | null = null
  try {
    writer = await Writer.open({ directory, failpoint, notice })
    const db = openForReading(directory)
    const log = new EmbeddedLog({ clock, notice, lock, db, reach: armFailpoint(failpoint) }, writer)
    log.startRetention()
    return log
  } catch (error) {
    await writer?.close([])
    lock.release()
    throw error
  }
}

/** @throws PipelineError CONFIG_FILE when there is no log; LOG_CORRUPT, LOG_IO, LOG_VERSION */
export async function openReadOnlyLog({ directory }: { directory: string }): Promise<Log> {
  if (existsSync(directory)) assertDirectory(directory)
  if (!existsSync(join(directory, logFileName))) {
    throw new PipelineError(
      'CONFIG_FILE',
      `data directory ${directory} holds no log yet: run a pipeline with it first, or name another ` +
        'directory (--data-dir)',
    )
  }
  const db = openForReading(directory)
  const reader = new EmbeddedReader(db, new BatchReader(db, () => undefined))
  const refuse = async () => {
    throw new PipelineError('INVARIANT', `the log in ${directory} was opened for reading only`)
  }
  return {
    reader,
    openTask: refuse,
    admin: {
      ensureTopics: refuse,
      describeTopics: (names) => reader.describeTopics(names),
      alterTopic: refuse,
      reset: refuse,
      storeManifest: refuse,
      loadManifest: (pipeline) => reader.loadManifest(pipeline),
      manifests: () => reader.manifests(),
    },
    close: async () => db.close(),
  }
}

function openForReading(directory: string): DatabaseSync {
  const path = join(directory, logFileName)
  let db: DatabaseSync | null = null
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: readerWaitMs })
    assertSqliteVersion(db)
    assertFormat(db)
    return db
  } catch (error) {
    db?.close()
    throw toPipelineError(error, `opening ${path}`)
  }
}
