import type { RecordBatch } from './record-batch.ts'
import type { WorkGroup } from './work-group.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** What becomes of old records: removed by age, or all but the last of each key. */
export type Cleanup = 'delete' | 'compact'

export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  /** null: kept for ever. */
  readonly retentionMs: number | null
  /** By default `delete`. A log that does not compact refuses the other. */
  readonly cleanup?: Cleanup
  /** Copies of each partition; by default what the servers of the log do. Of no meaning where there are none. */
  readonly replication?: number
}

/** What is to become different about a topic; what is left out stays. */
export interface TopicChange {
  readonly name: string
  readonly retentionMs?: number | null
  readonly cleanup?: Cleanup
  /** More than there are. Records stay where they are, and so new ones of a key can go elsewhere. */
  readonly partitions?: number
}

export interface TopicDescription extends TopicSpec {
  /** By partition. */
  readonly ranges: readonly OffsetRange[]
}

/** A stored batch on its way to a task. */
export interface SliceBatch extends TopicPartition {
  readonly baseOffset: bigint
  readonly batch: RecordBatch
  /** Index of the first record to process: not 0 where the position lies inside the batch. */
  readonly from: number
  /** The position after this batch. */
  readonly next: bigint
  /** When the batch could first be read, epoch µs; NaN where that is not known (yet). */
  readonly visibleUs: number
}

export interface StateChange {
  /** The `id` of the step; the engine's own begin with `$`. */
  readonly step: string
  readonly key: string
  /** null removes the entry. */
  readonly value: string | null
  /** Event time in epoch ms at which the entry is due; null for never. */
  readonly dueMs: number | null
}

/** All that one step of a task changes. It becomes visible and durable as a whole, or not at all. */
export interface TaskCommit {
  readonly outputs: readonly (TopicPartition & { readonly batch: RecordBatch })[]
  readonly state: readonly StateChange[]
  readonly next: readonly (TopicPartition & { readonly offset: bigint })[]
}

export interface TaskSpec {
  /** Unique in the data directory or cluster, stable over restarts: `<pipeline>.<stage>/<partition>`. */
  readonly id: string
  readonly group: string
  readonly inputs: readonly TopicPartition[]
  /** Where a group without a position begins. */
  readonly start: 'earliest' | 'latest'
  /** Topics that its commits write to. */
  readonly outputs?: readonly string[]
  /** What its commits promise; a log that can do no less than exactly once does that. */
  readonly delivery?: 'at_least_once' | 'exactly_once'
  /** Where its state is kept, on a log that keeps it in a topic; absent: it has none. */
  readonly changelog?: TopicPartition
}

export interface PullRequest {
  readonly maxRecords: number
  readonly maxBytes: number
  /** How long to wait for a first record, ms; Infinity waits until the signal aborts. */
  readonly waitMs: number
  readonly signal: AbortSignal
}

/** One task's view of the log, and its only way to write. Pulling is the back-pressure. */
export interface TaskLog {
  /** Next offset by input, in the order of the task's inputs, as of the last commit or the start rule. */
  readonly positions: readonly bigint[]
  /** The task's state as of its last commit. */
  restore(): Promise<readonly StateChange[]>
  /**
   * The next whole batches after those of the previous pull, at least one record whatever its size;
   * null when `waitMs` has passed or the signal has aborted.
   * @throws PipelineError LOG_CORRUPT, LOG_POSITION_LOST, LOG_IO
   */
  pull(request: PullRequest): Promise<readonly SliceBatch[] | null>
  /**
   * Commits are applied in the order of the calls, and a call may be made before the last one has
   * returned. While the disk is full it waits and tries again.
   * @returns when the outputs became visible, epoch µs.
   * @throws PipelineError LOG_FENCED, LOG_IO, and RECORD_TOO_LARGE when `recordLimits` tells less than it did:
   * once the task is opened again that record can be told. Nothing of the commit was kept then.
   */
  commit(result: TaskCommit): Promise<{ visibleUs: number }>
  /**
   * How large a record of each of the topics may be, as far as the log knows: bytes of key, value and headers
   * together. It knows soon when that changes. Absent: any size.
   * @throws PipelineError
   */
  recordLimits?(topics: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Records that lie ahead of the last pull, by input. */
  lag(): Promise<readonly number[]>
  close(): Promise<void>
}

/** What of a partition can be read: the first offset still stored, and the offset after the last record. */
export interface OffsetRange {
  readonly start: bigint
  readonly end: bigint
}

export interface LogReader {
  topics(): Promise<readonly TopicDescription[]>
  /**
   * Of one topic, by partition. Cheap enough to be asked again and again.
   * @throws PipelineError CONFIG_USAGE when there is no such topic.
   */
  ranges(topic: string): Promise<readonly OffsetRange[]>
  /** Whole stored batches from the one that holds `offset` on; empty at the end. */
  read(
    from: TopicPartition & { readonly offset: bigint },
    maxBytes: number,
  ): Promise<readonly SliceBatch[]>
  close(): Promise<void>
}

export interface Log {
  readonly reader: LogReader
  /**
   * Opens a task for writing; whoever held it before is fenced.
   * @param signal ends the waiting for a log that does not answer; the task is not opened then.
   * @throws PipelineError LOG_IO when the signal aborts.
   */
  openTask(task: TaskSpec, signal?: AbortSignal): Promise<TaskLog>
  readonly admin: LogAdmin
  /** How several processes share the tasks of a pipeline; absent: one process runs them all. */
  readonly group?: WorkGroup
  /** Looks whether the servers of the log are as they should be; absent: there are none. */
  examine?(): Promise<readonly LogFinding[]>
  close(): Promise<void>
}

/** One thing that was looked at of a log. */
export interface LogFinding {
  readonly name: string
  readonly status: 'ok' | 'warning' | 'wrong'
  readonly text: string
}

export interface LogAdmin {
  /**
   * Creates the topics that are missing.
   * @throws PipelineError CONFIG_INCOMPATIBLE when one exists with another number of partitions.
   */
  ensureTopics(topics: readonly TopicSpec[]): Promise<void>
  /** The settings of those of the topics that exist, with `cleanup` and `replication` where the log has them. */
  describeTopics(names: readonly string[]): Promise<readonly TopicSpec[]>
  /**
   * Changes settings of a topic and leaves its records and all positions alone.
   * @throws PipelineError CONFIG_USAGE when there is no such topic; CONFIG_INCOMPATIBLE when the log
   * cannot do it, or there would be fewer partitions. Nothing was changed then.
   */
  alterTopic(change: TopicChange): Promise<void>
  /**
   * Forgets topics with their records, and all tasks (positions, state) of the groups.
   * @param what `pipelines`: those whose workers have to be gone.
   * @throws PipelineError CONFIG_USAGE when one of them works; nothing was changed then.
   */
  reset(what: {
    topics: readonly string[]
    groups: readonly string[]
    pipelines?: readonly string[]
  }): Promise<void>
  /** The workers of a pipeline, in any process, in the words of messages. Absent: this process has the log alone. */
  workers?(pipeline: string): Promise<readonly string[]>
  /** The stored manifest of a pipeline as JSON text; null before its first run. */
  loadManifest(pipeline: string): Promise<string | null>
  storeManifest(pipeline: string, manifest: string): Promise<void>
  /** Pipelines with a stored manifest. */
  manifests(): Promise<readonly string[]>
}
