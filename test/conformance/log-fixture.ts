import { createSystemClock } from '../../src/clock/system-clock.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Log, PullRequest, TaskCommit, TaskLog, TopicPartition } from '../../src/core/log.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { batchWith } from './batches.ts'

export interface LogUnderTest {
  /** Called again after `close`, it has what was committed before. */
  open(): Promise<Log>
  /** Removes what the retention of the topics allows to be removed. */
  retain(log: Log): Promise<void>
  /** Returns once all that was committed can be read, where that takes a moment. */
  settle?(): Promise<void>
  dispose(): Promise<void>
}

export type MakeLog = (clock: Clock) => Promise<LogUnderTest>

/** What differs between logs for good reason; everything else is the same for all. */
export interface LogCapabilities {
  /** Whether a task is told that its topic was forgotten while it reads it. */
  readonly noticesReset: boolean
  /** Whether topics can get more partitions. */
  readonly growsTopics: boolean
  /** Whether topics can be compacted. */
  readonly compactsTopics: boolean
  /** Whether all its time is that of the clock it was given; where not, real time has to pass. */
  readonly virtualTime: boolean
  /** Whether offsets count nothing but records. */
  readonly exactOffsets: boolean
  /** Whether a commit takes its batches away, since they go to another thread. */
  readonly takesBatches: boolean
  /** Whether batches come with the time at which they could first be read. */
  readonly tellsVisibleTimes: boolean
  /** Whether a pull finds all that was committed before, and not only what has come so far. */
  readonly pullsAll: boolean
  /** Whether old records are removed by the log itself, and only when every group has read them. */
  readonly retains: boolean
  /** Whether `ensureTopics` changes the retention of topics that exist. */
  readonly ensuresRetention: boolean
  /** Whether the positions of tasks with state are forgotten with the topic that they stand in. */
  readonly forgetsPositionsWithTopics: boolean
}

/** Of a log that is all in this process, or on its disk. */
export const ownStorage = {
  noticesReset: true,
  virtualTime: true,
  exactOffsets: true,
  takesBatches: true,
  tellsVisibleTimes: true,
  pullsAll: true,
  retains: true,
  ensuresRetention: true,
  forgetsPositionsWithTopics: true,
} as const

const never = new AbortController().signal
export const generous: PullRequest = {
  maxRecords: 10_000,
  maxBytes: 2 ** 26,
  waitMs: 0,
  signal: never,
}
export const endless: PullRequest = { ...generous, waitMs: Infinity }
export const input: TopicPartition = { topic: 'in', partition: 0 }
export const output: TopicPartition = { topic: 'out', partition: 0 }

export function commitOf(parts: Partial<TaskCommit>): TaskCommit {
  return { outputs: [], state: [], next: [], ...parts }
}

/** A commit that appends one batch with these values to `input`. */
export function appending(...values: string[]): TaskCommit {
  return commitOf({ outputs: [{ ...input, batch: batchWith(...values) }] })
}

/** A log that is new for each test, with the topics `in`, `out` (2 partitions) and `short` (1 min). */
export class LogFixture {
  readonly capabilities: LogCapabilities
  readonly #make: MakeLog
  clock!: Clock
  log!: Log
  #virtualClock: VirtualClock | null = null
  #underTest!: LogUnderTest

  constructor(make: MakeLog, capabilities: LogCapabilities) {
    this.#make = make
    this.capabilities = capabilities
  }

  async begin(): Promise<void> {
    this.#virtualClock = this.capabilities.virtualTime ? new VirtualClock() : null
    this.clock = this.#virtualClock ?? createSystemClock()
    this.#underTest = await this.#make(this.clock)
    this.log = await this.#underTest.open()
    await this.log.admin.ensureTopics([
      { name: 'in', partitions: 2, retentionMs: null },
      { name: 'out', partitions: 2, retentionMs: null },
      { name: 'short', partitions: 1, retentionMs: 60_000 },
    ])
  }

  async end(): Promise<void> {
    await this.log.close()
    await this.#underTest.dispose()
  }

  async reopen(): Promise<void> {
    await this.log.close()
    this.log = await this.#underTest.open()
  }

  /** Lets time go by. */
  async pass(durationMs: number): Promise<void> {
    if (this.#virtualClock === null) await this.clock.sleep(durationMs)
    else await this.#virtualClock.advance(durationMs)
  }

  async settle(): Promise<void> {
    await this.#underTest.settle?.()
  }

  retain(): Promise<void> {
    return this.#underTest.retain(this.log)
  }

  openWriter(): Promise<TaskLog> {
    return this.log.openTask({ id: 'p.w/0', group: 'w', inputs: [], start: 'earliest' })
  }

  async openReader(spec: { group?: string; start?: 'earliest' | 'latest' } = {}): Promise<TaskLog> {
    const { group = 'r', start = 'earliest' } = spec
    await this.settle()
    return this.log.openTask({ id: `p.${group}/0`, group, inputs: [input], start })
  }

  /** Value by step and key. */
  async stateOf(task: TaskLog): Promise<Map<string, string | null>> {
    const changes = await task.restore()
    return new Map(changes.map(({ step, key, value }) => [`${step} ${key}`, value]))
  }
}
