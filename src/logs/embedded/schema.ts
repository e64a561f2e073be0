import { crc32 } from 'node:zlib'

/** Raised whenever an older version could not read what this one writes, or the other way round. */
export const formatVersion = 1
/** 'MRLG', in the header of the SQLite file. */
export const applicationId = 0x4d524c47
export const minSqliteVersion = '3.51.3'
/** Larger than SQLite's default: a batch of 500 records then takes 8 pages instead of 30. */
export const pageBytes = 16_384

const offsetBits = 40n
export const maxOffset = 2 ** 40 - 1
export const maxPartitionId = 2 ** 22
/** SQLite takes no blob of 1 GB or more. */
export const maxBatchBytes = 512 * 1024 * 1024

/** For a file without tables; the page size must come before the first of them. */
export const fileSettings = `
  PRAGMA page_size = ${pageBytes};
  PRAGMA application_id = ${applicationId};
`

/** For every writing connection. Checkpoints follow our own schedule. */
export const writerSettings = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = 0;
  PRAGMA trusted_schema = OFF;
`

export const tables = `
  CREATE TABLE meta (
    name TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE topics (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
    partition_count INTEGER NOT NULL, retention_ms REAL, crc INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE partitions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic_id INTEGER NOT NULL, number INTEGER NOT NULL,
    start_offset INTEGER NOT NULL, next_offset INTEGER NOT NULL, crc INTEGER NOT NULL,
    UNIQUE (topic_id, number)
  ) STRICT;
  CREATE TABLE batches (
    id INTEGER PRIMARY KEY, count INTEGER NOT NULL, max_timestamp_ms REAL NOT NULL,
    commit_seq INTEGER NOT NULL, crc INTEGER NOT NULL, data BLOB NOT NULL
  ) STRICT;
  CREATE TABLE commits (seq INTEGER PRIMARY KEY, visible_us REAL) STRICT;
  CREATE TABLE tasks (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, group_name TEXT NOT NULL,
    epoch INTEGER NOT NULL, crc INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE positions (
    group_name TEXT NOT NULL, partition_id INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    crc INTEGER NOT NULL, PRIMARY KEY (group_name, partition_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE state (
    task INTEGER NOT NULL, step TEXT NOT NULL, key ANY NOT NULL, value ANY NOT NULL, due_ms REAL,
    crc INTEGER NOT NULL, PRIMARY KEY (task, step, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE state_batches (
    task INTEGER NOT NULL, number INTEGER NOT NULL, count INTEGER NOT NULL, changes TEXT NOT NULL,
    crc INTEGER NOT NULL, PRIMARY KEY (task, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE manifests (
    pipeline TEXT PRIMARY KEY, manifest TEXT NOT NULL, crc INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`

/** Key of the batch of a partition that begins at `offset`. */
export function batchId(partitionId: number, offset: number): bigint {
  return (BigInt(partitionId) << offsetBits) + BigInt(offset)
}

export interface BatchRow {
  readonly partitionId: number
  readonly baseOffset: number
  readonly count: number
  readonly maxTimestampMs: number
  readonly commitSeq: number
  readonly data: Uint8Array
}

export function batchChecksum(row: BatchRow): number {
  const { partitionId, baseOffset, count, maxTimestampMs, commitSeq, data } = row
  return crc32(data, rowChecksum(partitionId, baseOffset, count, maxTimestampMs, commitSeq))
}

/** Over all columns of a row; a column of another type or length changes it. */
export function rowChecksum(...columns: readonly (StoredText | number | null)[]): number {
  let sum = 0
  for (const column of columns) {
    if (column instanceof Uint8Array) sum = crc32(column, crc32(`b${column.length}:`, sum))
    else if (typeof column === 'string') sum = crc32(`t${column.length}:${column}`, sum)
    else sum = crc32(column === null ? 'n' : `r${column};`, sum)
  }
  return sum
}

/** Text as a column holds it: SQLite's UTF-8 has no place for unpaired surrogates. */
export type StoredText = string | Uint8Array

export function toStoredText(text: string): StoredText {
  return text.isWellFormed() ? text : Buffer.from(text, 'utf16le')
}

export function fromStoredText(stored: StoredText): string {
  if (typeof stored === 'string') return stored
  return Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength).toString('utf16le')
}
