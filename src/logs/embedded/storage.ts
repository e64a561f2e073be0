import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { invariant, messageOf, PipelineError } from '../../core/errors.ts'
import type { TopicChange } from '../../core/log.ts'
import { assertSamePartitions, noSuchTopic } from '../log-rules.ts'
import { CommitWriter } from './commit-writer.ts'
import { createPrivately } from './data-directory.ts'
import type { ReachFailpoint } from './failpoint.ts'
import { markClean, openFormat } from './format.ts'
import { queryRows } from './query.ts'
import { batchId, maxPartitionId, pageBytes, rowChecksum } from './schema.ts'
import { SmallTables, type PartitionRow, type TopicRow } from './small-tables.ts'
import { isDiskFull, toPipelineError } from './sqlite-error.ts'
import type {
  AppliedGroup,
  OpenedTask,
  RetainedChunk,
  StorageCalls,
  StoredCommit,
  VisibleCommit,
  WireError,
} from './writer-protocol.ts'

export const logFileName = 'log.db'
/** A checkpoint copies so many bytes back at most, which is how long commits may wait for it. */
export const checkpointBytes = 32 * 1024 * 1024
/** The file of the WAL is cut to this size when a checkpoint emptied it. */
const keptWalBytes = 2 * checkpointBytes
export const maxRetainedBatches = 256

export interface StorageOptions {
  readonly directory: string
  readonly reach: ReachFailpoint
  readonly notice: (message: string) => void
}

interface OldBatch {
  readonly base: number
  readonly count: number
  readonly newest: number
}

/**
 * All writing of the embedded log, synchronous: see the README for what it keeps. Errors of SQLite
 * come out as they are; after one that is not "disk full" nothing may be written any more.
 */
export class Storage implements StorageCalls {
  isClosed = false
  readonly #db: DatabaseSync
  readonly #path: string
  readonly #inode: number
  readonly #reach: ReachFailpoint
  readonly #tables: SmallTables
  readonly #commits: CommitWriter
  /** Of the last commit that wrote a batch. */
  #seq: number

  /** @throws PipelineError DISK_FULL, LOG_CORRUPT, LOG_IO, LOG_VERSION */
  constructor({ directory, reach, notice }: StorageOptions) {
    this.#path = join(directory, logFileName)
    this.#reach = reach
    try {
      createPrivately(this.#path)
      this.#db = new DatabaseSync(this.#path, { timeout: 1_000 })
      openFormat(this.#db, notice)
      this.#db.exec(`PRAGMA journal_size_limit = ${keptWalBytes}`)
      this.#inode = statSync(this.#path).ino
      this.#tables = new SmallTables(this.#db)
      this.#commits = new CommitWriter(this.#db, this.#tables, reach)
      const last = this.#db.prepare('SELECT max(seq) AS seq FROM commits').get()
      this.#seq = Number(last?.['seq'] ?? 0)
    } catch (error) {
      throw toPipelineError(error, `opening ${this.#path}`)
    }
  }

  /** Applies the commits in one transaction. A refused one leaves nothing and does not stop the others. */
  apply(commits: readonly StoredCommit[], visible: readonly VisibleCommit[]): AppliedGroup {
    const seq = this.#seq + 1
    const refusals: (WireError | null)[] = []
    const grown = new Set<PartitionRow>()
    this.#transaction(() => {
      this.#reach('after-begin')
      this.#saveVisible(visible)
      for (const commit of commits) refusals.push(this.#applyOne(commit, seq, grown))
      for (const partition of grown) this.#tables.savePartition(partition)
      if (grown.size > 0) this.#db.prepare('INSERT INTO commits VALUES (?, NULL)').run(seq)
      this.#reach('before-commit')
    })
    this.#reach('after-commit')
    if (grown.size > 0) this.#seq = seq
    const ends = [...grown].map(({ id, next }) => ({ partitionId: id, next }))
    return { seq: grown.size > 0 ? seq : null, refusals, ends }
  }

  openTask({ id, group, start, inputs }: Parameters<StorageCalls['openTask']>[0]): OpenedTask {
    return this.#transaction(() => {
      const row = this.#tables.raiseEpoch({ id, group })
      const positions = inputs.map((partitionId) => {
        const stored = this.#tables.positions.get(group)?.get(partitionId)
        if (stored !== undefined) return stored
        const partition = this.#tables.partitions.get(partitionId)
        invariant(partition !== undefined, `an input of task ${id} was reset`)
        const first = start === 'latest' ? partition.next : partition.start
        this.#tables.savePosition(group, partitionId, first)
        return first
      })
      this.#reach('open-task')
      return { task: row.number, epoch: row.epoch, positions }
    })
  }

  ensureTopics(topics: Parameters<StorageCalls['ensureTopics']>[0]): void {
    for (const topic of topics) assertPossible(topic)
    this.#transaction(() => {
      for (const topic of topics) {
        const existing = this.#tables.topics.get(topic.name)
        if (existing === undefined) this.#tables.createTopic(topic)
        else {
          assertSamePartitions(topic, existing.partitions.length)
          if (existing.retentionMs === topic.retentionMs) continue
          this.#tables.setRetention(existing, topic.retentionMs)
        }
      }
      const highest = Math.max(0, ...this.#tables.partitions.keys())
      invariant(highest < maxPartitionId, 'a data directory has room for 4 million partitions')
    })
  }

  alterTopic(change: TopicChange): void {
    assertPossible(change)
    this.#transaction(() => {
      const topic = this.#tables.topics.get(change.name)
      if (topic === undefined) throw noSuchTopic(change.name)
      const { partitions = topic.partitions.length, retentionMs } = change
      if (partitions !== topic.partitions.length) {
        throw new PipelineError(
          'CONFIG_INCOMPATIBLE',
          `topic ${change.name} has ${topic.partitions.length} partitions, which stay as they are on the embedded log`,
        )
      }
      if (retentionMs !== undefined) this.#tables.setRetention(topic, retentionMs)
    })
  }

  reset({ topics, groups }: Parameters<StorageCalls['reset']>[0]): void {
    const removal = this.#db.prepare('DELETE FROM batches WHERE id >= ? AND id < ?')
    this.#transaction(() => {
      for (const name of topics) {
        const topic = this.#tables.topics.get(name)
        if (topic === undefined) continue
        for (const { id } of topic.partitions) removal.run(batchId(id, 0), batchId(id + 1, 0))
        this.#tables.forgetTopic(topic)
      }
      for (const group of groups) this.#tables.forgetGroup(group)
      this.#commits.reload()
    })
    this.checkpointIfDue()
  }

  storeManifest({ pipeline, manifest }: { pipeline: string; manifest: string }): void {
    this.#transaction(() => {
      const insert = this.#db.prepare('INSERT OR REPLACE INTO manifests VALUES (?, ?, ?)')
      insert.run(pipeline, manifest, rowChecksum(pipeline, manifest))
    })
  }

  retain({ nowMs }: { nowMs: number }): RetainedChunk {
    return this.#transaction(() => {
      const starts: { partitionId: number; start: number }[] = []
      let left = maxRetainedBatches
      for (const topic of this.#tables.topics.values()) {
        for (const partition of topic.partitions) {
          if (topic.retentionMs === null || left === 0) continue
          const dropped = this.#dropOld(topic, partition, { nowMs, atMost: left })
          if (dropped > 0) starts.push({ partitionId: partition.id, start: partition.start })
          left -= dropped
        }
      }
      if (starts.length > 0) this.#forgetOldCommits()
      this.#reach('retention')
      return { starts, isDone: left > 0 }
    })
  }

  /** Copies the WAL back into the file once it has grown enough. A full disk is not an error here. */
  checkpointIfDue(): void {
    // This kind of checkpoint only says how many pages are in the WAL, and how many of them are copied.
    const wal = this.#db.prepare('PRAGMA wal_checkpoint(NOOP)').get()
    const pages = Number(wal?.['log']) - Number(wal?.['checkpointed'])
    if (pages * pageBytes >= checkpointBytes) this.#checkpoint()
  }

  /** Makes what room there is in the WAL; for when the disk is full. */
  reclaimWal(): void {
    this.#checkpoint()
  }

  close({ visible }: { visible: readonly VisibleCommit[] }): void {
    this.#transaction(() => {
      this.#saveVisible(visible)
      markClean(this.#db)
    })
    this.#checkpoint()
    this.#db.close()
    this.isClosed = true
  }

  #applyOne(commit: StoredCommit, seq: number, grown: Set<PartitionRow>): WireError | null {
    try {
      this.#commits.write(commit, seq, grown)
      return null
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error
      return { code: error.code, message: error.message }
    }
  }

  #transaction<T>(body: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE')
    let result: T
    try {
      result = body()
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      this.#tables.load()
      this.#commits.reload()
      throw error
    }
    this.#assertInPlace()
    return result
  }

  /** An unlinked file takes commits without a murmur, and they are gone with the process. */
  #assertInPlace(): void {
    try {
      if (statSync(this.#path).ino === this.#inode) return
    } catch (error) {
      throw this.#gone(error)
    }
    throw this.#gone(new Error('another file is in its place'))
  }

  #gone(cause: unknown): PipelineError {
    return new PipelineError(
      'LOG_IO',
      `${this.#path} was removed or replaced while Millrace was running (${messageOf(cause)}); what was ` +
        'written since is lost: put the data directory back, or start again without it',
      { cause },
    )
  }

  #saveVisible(visible: readonly VisibleCommit[]): void {
    if (visible.length === 0) return
    const update = this.#db.prepare('UPDATE commits SET visible_us = ? WHERE seq = ?')
    for (const { seq, visibleUs } of visible) update.run(visibleUs, seq)
  }

  #dropOld(
    topic: TopicRow,
    partition: PartitionRow,
    limit: { nowMs: number; atMost: number },
  ): number {
    const beforeMs = limit.nowMs - (topic.retentionMs ?? Infinity)
    let below = partition.next
    for (const positions of this.#tables.positions.values()) {
      below = Math.min(below, positions.get(partition.id) ?? below)
    }
    const { id } = partition
    const first = batchId(id, 0)
    const select = this.#db.prepare(
      'SELECT id - ? AS base, count, max_timestamp_ms AS newest FROM batches WHERE id >= ? AND id < ? ORDER BY id LIMIT ?',
    )
    let dropped = 0
    for (const row of queryRows<OldBatch>(select, first, first, batchId(id, below), limit.atMost)) {
      if (row.base + row.count > below || row.newest >= beforeMs) break
      dropped += 1
      partition.start = row.base + row.count
    }
    if (dropped === 0) return 0
    const removal = this.#db.prepare('DELETE FROM batches WHERE id >= ? AND id < ?')
    removal.run(first, batchId(id, partition.start))
    this.#tables.savePartition(partition)
    return dropped
  }

  /** Keeps the times of commits that still have a batch, and the last one, which says where to go on. */
  #forgetOldCommits(): void {
    let oldest = this.#seq
    const first = this.#db.prepare(
      'SELECT commit_seq FROM batches WHERE id >= ? AND id < ? ORDER BY id LIMIT 1',
    )
    for (const id of this.#tables.partitions.keys()) {
      const row = first.get(batchId(id, 0), batchId(id + 1, 0))
      if (row !== undefined) oldest = Math.min(oldest, Number(row['commit_seq']))
    }
    this.#db.prepare('DELETE FROM commits WHERE seq < ?').run(oldest)
  }

  #checkpoint(): void {
    this.#reach('before-checkpoint')
    try {
      this.#db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()
    } catch (error) {
      if (!isDiskFull(error)) throw error
    }
    this.#reach('after-checkpoint')
  }
}

function assertPossible({ name, cleanup }: TopicChange): void {
  if (cleanup !== 'compact') return
  throw new PipelineError(
    'CONFIG_INCOMPATIBLE',
    `topic ${name}: the embedded log removes records by age only and does not compact; use \`cleanup: delete\`, or the Kafka log`,
  )
}
