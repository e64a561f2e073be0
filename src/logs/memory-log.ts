import type { Clock } from '../core/clock.ts'
import type {
  Log,
  LogAdmin,
  LogReader,
  StateChange,
  TaskCommit,
  TaskLog,
  TaskSpec,
  TopicChange,
  TopicPartition,
  TopicSpec,
} from '../core/log.ts'
import { invariant, PipelineError } from '../core/errors.ts'
import { RecordBatch } from '../core/record-batch.ts'
import {
  assertForward,
  assertNotFewerPartitions,
  assertSamePartitions,
  fencedError,
  noSuchTopic,
  retentionPeriodMs,
} from './log-rules.ts'
import { MemoryPartition } from './memory-partition.ts'
import { PullWaiters } from './pull-waiters.ts'
import { readOnward, takeBytes } from './stored-partition.ts'
import { TaskInputs } from './task-inputs.ts'

interface MemoryTopic {
  spec: TopicSpec
  readonly partitions: MemoryPartition[]
}

interface MemoryTask {
  group: string
  epoch: number
  /** By step, then by key. */
  readonly state: Map<string, Map<string, StateChange>>
}

interface OpenTask {
  readonly spec: TaskSpec
  readonly task: MemoryTask
  readonly epoch: number
}

/**
 * The embedded log's twin for tests and the test driver: the same rules, nothing on disk. What was
 * committed outlives a `close`, so that a restart is closing and opening the tasks again.
 */
export class MemoryLog implements Log {
  readonly #clock: Clock
  readonly #waiters: PullWaiters
  readonly #topics = new Map<string, MemoryTopic>()
  readonly #tasks = new Map<string, MemoryTask>()
  /** Next offsets, by group, then by topic and partition. */
  readonly #positions = new Map<string, Map<MemoryPartition, bigint>>()
  readonly #manifests = new Map<string, string>()
  readonly #openTasks = new Set<TaskLog>()
  #retainedMs: number

  constructor(options: { clock: Clock }) {
    this.#clock = options.clock
    this.#waiters = new PullWaiters(options.clock)
    this.#retainedMs = options.clock.wallMs()
  }

  readonly reader: LogReader = {
    topics: async () =>
      [...this.#topics.values()].map(({ spec, partitions }) => ({
        ...spec,
        ranges: partitions.map(({ start, end }) => ({ start, end })),
      })),
    ranges: async (name) => {
      const topic = this.#topics.get(name)
      if (topic === undefined) throw noSuchTopic(name)
      return topic.partitions.map(({ start, end }) => ({ start, end }))
    },
    read: async (from, maxBytes) => readOnward(this.#partition(from), from.offset, maxBytes),
    close: async () => {},
  }

  readonly admin: LogAdmin = {
    ensureTopics: async (topics) => this.#ensureTopics(topics),
    describeTopics: async (names) =>
      names.flatMap((name) => {
        const topic = this.#topics.get(name)
        return topic === undefined ? [] : [topic.spec]
      }),
    alterTopic: async (change) => this.#alterTopic(change),
    reset: async ({ topics, groups }) => this.#reset(topics, groups),
    loadManifest: async (pipeline) => this.#manifests.get(pipeline) ?? null,
    storeManifest: async (pipeline, manifest) => void this.#manifests.set(pipeline, manifest),
    manifests: async () => [...this.#manifests.keys()].toSorted(),
  }

  async openTask(spec: TaskSpec): Promise<TaskLog> {
    const task = this.#tasks.get(spec.id) ?? { group: spec.group, epoch: 0, state: new Map() }
    const partitions = spec.inputs.map((input) => this.#partition(input))
    task.epoch += 1
    task.group = spec.group
    this.#tasks.set(spec.id, task)
    const positions = this.#positionsOf(spec.group)
    for (const partition of partitions) {
      if (positions.has(partition)) continue
      positions.set(partition, spec.start === 'latest' ? partition.end : partition.start)
    }
    const opened: OpenTask = { spec, task, epoch: task.epoch }
    const inputs = new TaskInputs({
      partitions,
      positions: partitions.map((partition) => positions.get(partition)!),
      waiters: this.#waiters,
      assertUsable: () => {},
    })
    let isClosed = false
    const taskLog: TaskLog = {
      get positions() {
        return inputs.positions
      },
      restore: async () => stateOf(task),
      pull: (request) => inputs.pull(request),
      commit: async (result) => {
        invariant(!isClosed, `task ${spec.id} was closed: it commits no more`)
        const visibleUs = this.#commit(opened, result)
        inputs.committed(result.next)
        return { visibleUs }
      },
      lag: async () => inputs.lag(),
      close: async () => {
        isClosed = true
        inputs.close()
        this.#openTasks.delete(taskLog)
      },
    }
    this.#openTasks.add(taskLog)
    return taskLog
  }

  /** Drops what the topics' retention allows. Also done by commits, once a minute. */
  applyRetention(): void {
    this.#retainedMs = this.#clock.wallMs()
    for (const { spec, partitions } of this.#topics.values()) {
      if (spec.retentionMs === null) continue
      for (const partition of partitions) {
        let limit = partition.end
        for (const positions of this.#positions.values()) {
          const position = positions.get(partition)
          if (position !== undefined && position < limit) limit = position
        }
        partition.dropBelow(limit, this.#retainedMs - spec.retentionMs)
      }
    }
  }

  async close(): Promise<void> {
    for (const task of this.#openTasks) await task.close()
  }

  #commit({ spec, task, epoch }: OpenTask, result: TaskCommit): number {
    // Everything is checked before anything changes: a commit is kept as a whole or not at all.
    if (task.epoch !== epoch || this.#tasks.get(spec.id) !== task) throw fencedError(spec.id)
    const positions = this.#positionsOf(spec.group)
    const targets = result.outputs.map((output) => this.#partition(output))
    const moves = result.next.map((next) => {
      const partition = this.#partition(next)
      assertForward(next, { from: positions.get(partition), end: partition.end })
      return { partition, offset: next.offset }
    })
    const visibleUs = this.#clock.monotonicUs()
    const taken = new Set<ArrayBufferLike>()
    const owned = result.outputs.map(({ batch }) => takeBytes(batch, taken))
    for (const [index, partition] of targets.entries()) {
      partition.append(new RecordBatch(detach(owned[index]!)), visibleUs)
    }
    for (const change of result.state) applyChange(task, change)
    for (const { partition, offset } of moves) positions.set(partition, offset)
    if (this.#clock.wallMs() - this.#retainedMs >= retentionPeriodMs) this.applyRetention()
    this.#waiters.wakeReady()
    return visibleUs
  }

  #ensureTopics(topics: readonly TopicSpec[]): void {
    for (const topic of topics) {
      const existing = this.#topics.get(topic.name)
      if (existing !== undefined) assertSamePartitions(topic, existing.spec.partitions)
    }
    for (const topic of topics) {
      const existing = this.#topics.get(topic.name)
      if (existing !== undefined) existing.spec = specOf(topic)
      else this.#topics.set(topic.name, { spec: specOf(topic), partitions: partitionsOf(topic) })
    }
  }

  #alterTopic(change: TopicChange): void {
    const topic = this.#topics.get(change.name)
    if (topic === undefined) throw noSuchTopic(change.name)
    assertNotFewerPartitions(change, topic.partitions.length)
    topic.spec = { ...topic.spec, ...change }
    topic.partitions.push(...partitionsOf(topic.spec).slice(topic.partitions.length))
  }

  #reset(topics: readonly string[], groups: readonly string[]): void {
    for (const name of topics) {
      for (const partition of this.#topics.get(name)?.partitions ?? []) {
        partition.drop()
        for (const positions of this.#positions.values()) positions.delete(partition)
      }
      this.#topics.delete(name)
    }
    for (const group of groups) {
      this.#positions.delete(group)
      for (const [id, task] of this.#tasks) if (task.group === group) this.#tasks.delete(id)
    }
    this.#waiters.wakeReady()
  }

  #positionsOf(group: string): Map<MemoryPartition, bigint> {
    const positions = this.#positions.get(group) ?? new Map<MemoryPartition, bigint>()
    this.#positions.set(group, positions)
    return positions
  }

  /** @throws PipelineError CONFIG_USAGE when there is no such topic or partition. */
  #partition({ topic, partition }: TopicPartition): MemoryPartition {
    const found = this.#topics.get(topic)?.partitions[partition]
    if (found === undefined)
      throw new PipelineError(
        'CONFIG_USAGE',
        `there is no topic ${topic} with a partition ${partition}`,
      )
    return found
  }
}

/** Without what a caller's topics have besides. */
function specOf({ name, partitions, retentionMs, cleanup, replication }: TopicSpec): TopicSpec {
  return {
    name,
    partitions,
    retentionMs,
    ...(cleanup === undefined ? {} : { cleanup }),
    ...(replication === undefined ? {} : { replication }),
  }
}

function partitionsOf({ name, partitions }: TopicSpec): MemoryPartition[] {
  return Array.from({ length: partitions }, (_, number) => new MemoryPartition(name, number))
}

/** The embedded log moves a committed batch to another thread: using it afterwards must fail here too. */
function detach(bytes: Uint8Array): Uint8Array {
  return new Uint8Array((bytes.buffer as ArrayBuffer).transfer())
}

function applyChange(task: MemoryTask, change: StateChange): void {
  const entries = task.state.get(change.step) ?? new Map<string, StateChange>()
  task.state.set(change.step, entries)
  if (change.value === null) entries.delete(change.key)
  else entries.set(change.key, { ...change })
}

function stateOf(task: MemoryTask): StateChange[] {
  return [...task.state.values()].flatMap((entries) => [...entries.values()])
}
