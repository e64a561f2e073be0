import type { DatabaseSync } from 'node:sqlite'
import { PipelineError } from '../../core/errors.ts'
import {
  applicationId,
  fileSettings,
  formatVersion,
  minSqliteVersion,
  rowChecksum,
  tables,
  writerSettings,
} from './schema.ts'

/**
 * Checked at every start, as is the state: a row hidden by damage would change what the pipelines do.
 * Missing batches are noticed when they are read.
 */
const smallTables = ['meta', 'topics', 'partitions', 'tasks', 'positions', 'manifests']

/**
 * Makes a connection ready for writing: creates the tables in a new file, checks those of an old one.
 * @throws PipelineError LOG_VERSION, LOG_CORRUPT; nothing was written then.
 */
export function openFormat(db: DatabaseSync, notice: (message: string) => void): void {
  assertSqliteVersion(db)
  if (isEmpty(db)) {
    db.exec(fileSettings)
    db.exec(writerSettings)
    db.exec(`BEGIN IMMEDIATE; ${tables}`)
    writeMeta(db, 'format', String(formatVersion))
    writeMeta(db, 'clean', '0')
    db.exec('COMMIT')
    return
  }
  assertFormat(db)
  db.exec(writerSettings)
  const wasClean = readMeta(db, 'clean') === '1'
  if (!wasClean) notice('log.db was not closed in order the last time; checking it')
  for (const table of smallTables) assertSound(db, `integrity_check(${table})`)
  for (const table of ['state', 'state_batches']) assertSound(db, `quick_check(${table})`)
  if (!wasClean) assertSound(db, 'quick_check')
  writeMeta(db, 'clean', '0')
}

/** @throws PipelineError LOG_VERSION, LOG_CORRUPT */
export function assertFormat(db: DatabaseSync): void {
  const id = db.prepare('PRAGMA application_id').get()?.['application_id']
  if (id !== applicationId) throw damaged('it is not marked as a log')
  const format = Number(readMeta(db, 'format'))
  if (format === formatVersion) return
  throw new PipelineError(
    'LOG_VERSION',
    `log.db has format ${format}, and this version of Millrace reads format ${formatVersion}: ` +
      (format > formatVersion
        ? 'run the newer version that wrote it, or choose another data directory'
        : 'run the older version that wrote it, or choose another data directory'),
  )
}

/** To be called in the last transaction of an orderly close. */
export function markClean(db: DatabaseSync): void {
  writeMeta(db, 'clean', '1')
}

export function assertSqliteVersion(db: DatabaseSync): void {
  const version = String(db.prepare('SELECT sqlite_version() AS version').get()?.['version'])
  const isOld = version.localeCompare(minSqliteVersion, 'en', { numeric: true }) < 0
  if (!isOld) return
  throw new PipelineError(
    'LOG_VERSION',
    `this Node.js brings SQLite ${version}, and the embedded log needs ${minSqliteVersion} or newer: ` +
      'install a newer release of Node.js 24',
  )
}

function isEmpty(db: DatabaseSync): boolean {
  return db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined
}

function readMeta(db: DatabaseSync, name: string): string {
  const row = db.prepare('SELECT value, crc FROM meta WHERE name = ?').get(name)
  const value = row?.['value']
  if (typeof value !== 'string' || row?.['crc'] !== rowChecksum(name, value)) {
    throw damaged(`its ${name} cannot be read`)
  }
  return value
}

function writeMeta(db: DatabaseSync, name: string, value: string): void {
  const insert = db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?, ?)')
  insert.run(name, value, rowChecksum(name, value))
}

function assertSound(db: DatabaseSync, check: string): void {
  const first = db.prepare(`PRAGMA ${check}`).get()
  const result = String(Object.values(first ?? {})[0])
  if (result !== 'ok') throw damaged(`${check} says: ${result}`)
}

function damaged(what: string): PipelineError {
  return new PipelineError(
    'LOG_CORRUPT',
    `log.db is damaged (${what}); restore a backup of the data directory, or move it away to begin ` +
      'without its records',
  )
}
