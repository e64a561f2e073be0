import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { RecordBatch } from '../../../../core/record-batch.ts'
import type { CachedChangelog, CacheMark } from '../state-cache.ts'
import { ChunkBuilder, mergeChunks } from './chunk.ts'
import type { Bucket } from './cache-protocol.ts'
import { decodeMeta, encodeMeta, type CacheMeta } from './cache-meta.ts'

/** Entries are spread over buckets by their keys, so that one can be merged without the others. */
export const bucketCount = 64
/** A bucket is merged when it has this many records more, or twice as many as after the last time. */
const minMergedRecords = 1_000
const maxChunks = 100
/** So that nobody waits long for the thread. */
const mergesAtOnce = 4
const sumLimit = 2 ** 48
const chunkIdFactor = 2 ** 40

/**
 * No sync at all: what a power failure leaves is found out by the checksums, and thrown away. One process
 * locks the file from its first look on until it closes it, or dies.
 */
const settings = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA page_size = 8192;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = OFF;
  PRAGMA cache_size = -1024;
  PRAGMA trusted_schema = OFF;
`
const tables = `
  CREATE TABLE IF NOT EXISTS meta (
    id INTEGER PRIMARY KEY CHECK (id = 1), text TEXT NOT NULL, crc INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS chunks (
    id INTEGER PRIMARY KEY, records INTEGER NOT NULL, merged INTEGER NOT NULL, crc INTEGER NOT NULL,
    data BLOB NOT NULL
  ) STRICT;
`

interface BucketSize {
  records: number
  chunks: number
  /** Records that the last merge has left. */
  merged: number
}

interface ChunkRow {
  readonly id: number
  readonly records: number
  readonly merged: number
  readonly crc: number
  readonly data: Uint8Array
}

/** The file of one cache, for the thread that works on all of them. Everything it throws means: do without it. */
export class CacheFile {
  readonly #changelog: CachedChangelog
  readonly #db: DatabaseSync
  readonly #sizes: BucketSize[]
  readonly #insert: StatementSync
  readonly #select: StatementSync
  readonly #remove: StatementSync
  readonly #setMeta: StatementSync
  #meta: CacheMeta | null
  /** Of the chunks read since the last `begin` of a reading. */
  #readSum = 0
  #readRows = 0

  /** @throws when it is no database, or another process uses it. */
  constructor(path: string, changelog: CachedChangelog) {
    this.#changelog = changelog
    preparePath(path)
    this.#db = new DatabaseSync(path)
    try {
      this.#db.exec(settings)
      // Takes the lock, and finds out whether this is a database at all.
      this.#db.exec(`BEGIN IMMEDIATE; ${tables} COMMIT`)
      this.#insert = this.#db.prepare('INSERT INTO chunks VALUES (?, ?, ?, ?, ?)')
      this.#select = this.#db.prepare('SELECT * FROM chunks WHERE id >= ? AND id < ? ORDER BY id')
      this.#remove = this.#db.prepare('DELETE FROM chunks WHERE id >= ? AND id < ?')
      this.#setMeta = this.#db.prepare('INSERT OR REPLACE INTO meta VALUES (1, ?, ?)')
      this.#meta = this.#readMeta()
      this.#sizes = Array.from({ length: bucketCount }, () => ({
        records: 0,
        chunks: 0,
        merged: 0,
      }))
      if (this.#meta === null) this.clear()
      else this.#readSizes()
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  get mark(): CacheMark | null {
    return this.#meta
  }

  /** The chunks of a bucket, in the order in which they were written. @throws when one is damaged. */
  read(bucket: number): Bucket {
    if (bucket === 0) {
      this.#readSum = 0
      this.#readRows = 0
    }
    const rows = this.#rows(bucket)
    this.#readRows += rows.length
    for (const { crc } of rows) this.#readSum = (this.#readSum + crc) % sumLimit
    const isLast = bucket === bucketCount - 1
    if (isLast && (this.#readRows !== this.#meta?.rows || this.#readSum !== this.#meta.sum))
      throw new Error('its chunks are not those that were written')
    return {
      chunks: rows.map(({ data }) => data),
      isMerged: rows.length === 0 || (rows.length === 1 && rows[0]!.merged === 1),
      isLast,
    }
  }

  /** The records of the batches come after those that are there. */
  apply(batches: readonly Uint8Array[], mark: CacheMark): void {
    const builders = new Map<number, ChunkBuilder>()
    for (const bytes of batches) spread(new RecordBatch(bytes), builders)
    this.#inTransaction(() => {
      const before = this.#meta
      let next = before?.next ?? 1
      let { rows, sum } = before ?? { rows: 0, sum: 0 }
      for (const [bucket, builder] of builders) {
        sum = (sum + this.#write(bucket, { number: next, isMerged: false }, builder)) % sumLimit
        rows += 1
        next += 1
      }
      this.#store({ ...mark, next, rows, sum })
    })
    let merges = 0
    for (const bucket of builders.keys()) {
      if (merges === mergesAtOnce) break
      if (!this.#isDue(bucket)) continue
      this.#merge(bucket)
      merges += 1
    }
  }

  clear(): void {
    this.#inTransaction(() => this.#db.exec('DELETE FROM chunks; DELETE FROM meta'))
    this.#meta = null
    for (const size of this.#sizes) Object.assign(size, { records: 0, chunks: 0, merged: 0 })
  }

  close(): void {
    this.#db.close()
  }

  #isDue(bucket: number): boolean {
    const { records, chunks, merged } = this.#sizes[bucket]!
    return records >= 2 * merged + minMergedRecords || chunks > maxChunks
  }

  #merge(bucket: number): void {
    const rows = this.#rows(bucket)
    const merged = mergeChunks(rows.map(({ data }) => data))
    this.#inTransaction(() => {
      const meta = this.#meta!
      let { rows: count, sum, next } = meta
      for (const { crc } of rows) sum = (sum - crc + sumLimit) % sumLimit
      this.#remove.run(...idRange(bucket))
      Object.assign(this.#sizes[bucket]!, { records: 0, chunks: 0, merged: merged.count })
      count -= rows.length
      if (merged.count > 0) {
        sum = (sum + this.#write(bucket, { number: next, isMerged: true }, merged)) % sumLimit
        count += 1
        next += 1
      }
      this.#store({ ...meta, next, rows: count, sum })
    })
  }

  /** @returns the checksum of the chunk. */
  #write(
    bucket: number,
    { number, isMerged }: { readonly number: number; readonly isMerged: boolean },
    { bytes, count }: ChunkBuilder,
  ): number {
    const id = bucket * chunkIdFactor + number
    const crc = chunkChecksum(id, count, bytes)
    this.#insert.run(id, count, isMerged ? 1 : 0, crc, bytes)
    const size = this.#sizes[bucket]!
    size.records += count
    size.chunks += 1
    return crc
  }

  #rows(bucket: number): ChunkRow[] {
    const rows = rowsOf(this.#select, ...idRange(bucket))
    for (const { id, records, crc, data } of rows)
      if (chunkChecksum(id, records, data) !== crc) throw new Error('a chunk fails its checksum')
    return rows
  }

  #readSizes(): void {
    const sizes = this.#db.prepare('SELECT id, records, merged FROM chunks')
    for (const { id, records, merged } of rowsOf(sizes)) {
      const size = this.#sizes[Math.floor(id / chunkIdFactor)]
      if (size === undefined) throw new Error('a chunk is in no bucket')
      size.records += records
      size.chunks += 1
      if (merged === 1) size.merged = records
    }
  }

  /** null where there is none, or it is of another changelog. */
  #readMeta(): CacheMeta | null {
    const row = this.#db.prepare('SELECT text, crc FROM meta').get()
    if (row === undefined) return null
    const { text, crc } = row as { text: string; crc: number }
    return crc32(text) === crc ? decodeMeta(text, this.#changelog) : null
  }

  #store(meta: CacheMeta): void {
    const text = encodeMeta(meta, this.#changelog)
    this.#setMeta.run(text, crc32(text))
    this.#meta = meta
  }

  #inTransaction(action: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      action()
      this.#db.exec('COMMIT')
    } catch (error) {
      this.#db.exec('ROLLBACK')
      throw error
    }
  }
}

/** The table is strict about the types of its columns. */
function rowsOf(statement: StatementSync, ...parameters: readonly number[]): ChunkRow[] {
  const rows: unknown = statement.all(...parameters)
  return rows as ChunkRow[]
}

/** With the files that SQLite keeps beside it. */
export function removeCacheFile(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
}

/** What a cache holds is for its user alone. */
function preparePath(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function spread(batch: RecordBatch, builders: Map<number, ChunkBuilder>): void {
  for (let index = 0; index < batch.count; index++) {
    const key = batch.key(index)
    if (key === null) continue
    const bucket = crc32(key) % bucketCount
    const builder = builders.get(bucket) ?? new ChunkBuilder()
    builders.set(bucket, builder)
    builder.append(key, batch.value(index))
  }
}

function idRange(bucket: number): [number, number] {
  return [bucket * chunkIdFactor, (bucket + 1) * chunkIdFactor]
}

function chunkChecksum(id: number, records: number, data: Uint8Array): number {
  return crc32(data, crc32(`${id} ${records};`))
}
