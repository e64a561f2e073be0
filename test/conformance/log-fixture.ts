import type { Log, PullRequest, TaskCommit, TaskLog, TopicPartition } from '../../src/core/log.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { batchWith } from './batches.ts'

export interface LogUnderTest {
  /** Called again after `close`, it has what was committed before. */
  open(): Promise<Log>
  /** Removes what the retention of the topics allows to be removed. */
  retain(log: Log): Promise<void>
  dispose(): Promise<void>
}

export type MakeLog = (clock: VirtualClock) => Promise<LogUnderTest>

export interface LogCapabilities {
  /** Whether a task is told that its topic was forgotten while it reads it. */
  readonly noticesReset: boolean
}

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
  clock!: VirtualClock
  log!: Log
  #underTest!: LogUnderTest

  constructor(make: MakeLog, capabilities: LogCapabilities) {
    this.#make = make
    this.capabilities = capabilities
  }

  async begin(): Promise<void> {
    this.clock = new VirtualClock()
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

  retain(): Promise<void> {
    return this.#underTest.retain(this.log)
  }

  openWriter(): Promise<TaskLog> {
    return this.log.openTask({ id: 'p.w/0', group: 'w', inputs: [], start: 'earliest' })
  }

  openReader(spec: { group?: string; start?: 'earliest' | 'latest' } = {}): Promise<TaskLog> {
    const { group = 'r', start = 'earliest' } = spec
    return this.log.openTask({ id: `p.${group}/0`, group, inputs: [input], start })
  }

  /** Value by step and key. */
  async stateOf(task: TaskLog): Promise<Map<string, string | null>> {
    const changes = await task.restore()
    return new Map(changes.map(({ step, key, value }) => [`${step} ${key}`, value]))
  }
}
