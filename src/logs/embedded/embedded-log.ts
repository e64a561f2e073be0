import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import type {
  Log,
  LogAdmin,
  LogReader,
  TaskCommit,
  TaskLog,
  TaskSpec,
  TopicPartition,
} from '../../core/log.ts'
import { retentionPeriodMs } from '../log-rules.ts'
import { PullWaiters } from '../pull-waiters.ts'
import { takeBytes } from '../stored-partition.ts'
import { BatchReader } from './batch-reader.ts'
import { EmbeddedPartition } from './embedded-partition.ts'
import { EmbeddedReader, noSuchPartition } from './embedded-reader.ts'
import { EmbeddedTaskLog } from './embedded-task-log.ts'
import type { ReachFailpoint } from './failpoint.ts'
import type { DirectoryLock } from './lock.ts'
import { loadTopics } from './small-tables.ts'
import { readState } from './state-reader.ts'
import { VisibleTimes } from './visible-times.ts'
import type { AppliedGroup, OpenedTask } from './writer-protocol.ts'
import type { Writer } from './writer.ts'

export interface EmbeddedLogParts {
  readonly clock: Clock
  readonly reach: ReachFailpoint
  readonly notice: (message: string) => void
  readonly lock: DirectoryLock
  /** A connection that only reads. */
  readonly db: DatabaseSync
}

/** A log in a data directory, for its one writing process; see the README for what it promises. */
export class EmbeddedLog implements Log {
  readonly reader: LogReader
  readonly admin: LogAdmin
  readonly #parts: EmbeddedLogParts
  readonly #writer: Writer
  readonly #waiters: PullWaiters
  readonly #batches: BatchReader
  readonly #visible = new VisibleTimes()
  readonly #topics = new Map<string, readonly EmbeddedPartition[]>()
  readonly #partitions = new Map<number, EmbeddedPartition>()
  readonly #tasks = new Set<TaskLog>()
  readonly #closing = new AbortController()
  #retaining: Promise<void> = Promise.resolve()

  constructor(parts: EmbeddedLogParts, writer: Writer) {
    this.#parts = parts
    this.#writer = writer
    this.#waiters = new PullWaiters(parts.clock)
    this.#batches = new BatchReader(parts.db, (seq) => this.#visible.of(seq))
    const reader = new EmbeddedReader(parts.db, this.#batches)
    this.reader = reader
    this.admin = {
      ensureTopics: async (topics) => {
        await writer.call('ensureTopics', topics)
        this.#refreshTopics()
      },
      describeTopics: (names) => reader.describeTopics(names),
      alterTopic: (change) => writer.call('alterTopic', change),
      reset: async (what) => {
        await writer.call('reset', what)
        this.#dropTopics(what.topics)
      },
      loadManifest: (pipeline) => reader.loadManifest(pipeline),
      storeManifest: (pipeline, manifest) => writer.call('storeManifest', { pipeline, manifest }),
      manifests: () => reader.manifests(),
    }
    writer.attach({
      applied: (group) => this.#makeVisible(group),
      broken: () => {
        this.#closing.abort()
        this.#waiters.wakeReady()
      },
    })
    this.#refreshTopics()
  }

  /** Begins to drop old records once a minute; for the opener of the log. */
  startRetention(): void {
    this.#retaining = this.#keepRetaining(this.#closing.signal)
  }

  async openTask(spec: TaskSpec): Promise<TaskLog> {
    const partitions = spec.inputs.map((input) => this.#partition(input))
    const inputs = partitions.map(({ id }) => id)
    const { id, group, start } = spec
    const opened = await this.#writer.call('openTask', { id, group, start, inputs })
    const task: TaskLog = new EmbeddedTaskLog({
      id,
      partitions,
      positions: opened.positions.map(BigInt),
      waiters: this.#waiters,
      assertUsable: () => this.#assertUsable(),
      readState: () => readState(this.#parts.db, { id, number: opened.task }),
      commit: (result) => this.#commit(opened, result),
      closed: () => this.#tasks.delete(task),
    })
    this.#tasks.add(task)
    return task
  }

  /** Drops whole batches that are older than their topic's retention and that every group has read. */
  async applyRetention(): Promise<void> {
    let isDone = false
    while (!isDone) {
      const chunk = await this.#writer.call('retain', { nowMs: this.#parts.clock.wallMs() })
      for (const { partitionId, start } of chunk.starts) {
        const partition = this.#partitions.get(partitionId)
        if (partition !== undefined) partition.start = BigInt(start)
      }
      isDone = chunk.isDone
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    // Not awaited yet: they wait for their commits, and on a full disk it is the writer's close that
    // ends those.
    const tasks = [...this.#tasks].map((task) => task.close())
    // The writer's connection must be the last one: SQLite then removes the WAL.
    this.#parts.db.close()
    try {
      await this.#writer.close(this.#visible.takeUnsaved())
      await Promise.all(tasks)
      await this.#retaining
    } finally {
      this.#parts.lock.release()
    }
  }

  #commit({ task, epoch }: OpenedTask, result: TaskCommit): Promise<number> {
    const taken = new Set<ArrayBufferLike>()
    const outputs = result.outputs.map((output) => ({
      partitionId: this.#partition(output).id,
      bytes: takeBytes(output.batch, taken),
    }))
    const next = result.next.map((position) => ({
      partitionId: this.#partition(position).id,
      offset: Number(position.offset),
    }))
    const commit = { task, epoch, outputs, state: result.state, next }
    return this.#writer.commit(commit, this.#visible.takeUnsaved())
  }

  /** The commits are on the disk: from this instant on, and not before, tasks can read them. */
  #makeVisible({ seq, ends }: AppliedGroup): number {
    this.#parts.reach('before-visible')
    const visibleUs = this.#parts.clock.monotonicUs()
    if (seq !== null) this.#visible.add(seq, visibleUs)
    for (const { partitionId, next } of ends) {
      const partition = this.#partitions.get(partitionId)
      if (partition !== undefined) partition.end = BigInt(next)
    }
    this.#waiters.wakeReady()
    this.#parts.reach('after-visible')
    return visibleUs
  }

  #refreshTopics(): void {
    for (const { name, partitions } of loadTopics(this.#parts.db).values()) {
      if (this.#topics.has(name)) continue
      const opened = partitions.map((row) => new EmbeddedPartition(row, this.#batches))
      this.#topics.set(name, opened)
      for (const partition of opened) this.#partitions.set(partition.id, partition)
    }
  }

  #dropTopics(names: readonly string[]): void {
    for (const name of names) {
      for (const partition of this.#topics.get(name) ?? []) {
        partition.isDropped = true
        this.#partitions.delete(partition.id)
      }
      this.#topics.delete(name)
    }
    this.#waiters.wakeReady()
  }

  async #keepRetaining(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#writer.failure === null) {
      try {
        await this.applyRetention()
      } catch (error) {
        if (this.#writer.failure !== null) return
        this.#parts.notice(`dropping old records: ${messageOf(error)}`)
      }
      await this.#parts.clock.sleep(retentionPeriodMs, signal)
    }
  }

  #assertUsable(): void {
    if (this.#writer.failure !== null) throw this.#writer.failure
  }

  #partition({ topic, partition }: TopicPartition): EmbeddedPartition {
    const found = this.#topics.get(topic)?.[partition]
    if (found === undefined) throw noSuchPartition(topic, partition)
    return found
  }
}
