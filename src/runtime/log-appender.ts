import type { Clock } from '../core/clock.ts'
import type { AppendedEvent, TopicAppender } from '../core/hook.ts'
import type { Log, TaskCommit, TaskLog } from '../core/log.ts'
import { encodeHeaders } from '../core/record-batch.ts'
import { OutputCollector } from './output-collector.ts'

export interface LogAppenderOptions {
  readonly log: Log
  readonly clock: Clock
  /** Of this process alone: whoever opens the same task takes it over. */
  readonly task: string
  readonly partitionsOf: (topic: string) => number
}

interface Waiting {
  readonly topic: string
  readonly record: AppendedEvent
  readonly done: PromiseWithResolvers<void>
}

/**
 * Writes what listeners publish, by a task of its own that reads nothing. What comes while a commit is under
 * way shares the next one. Who calls bounds how much that can be.
 */
export class LogAppender implements TopicAppender {
  readonly #options: LogAppenderOptions
  #task: Promise<TaskLog> | null = null
  #waiting: Waiting[] = []
  #work: Promise<void> | null = null

  constructor(options: LogAppenderOptions) {
    this.#options = options
  }

  append(topic: string, record: AppendedEvent): Promise<void> {
    const done = Promise.withResolvers<void>()
    this.#waiting.push({ topic, record, done })
    this.#work ??= this.#commitAll()
    return done.promise
  }

  async close(): Promise<void> {
    await this.#work
    const task = await this.#task?.catch(() => null)
    await task?.close()
  }

  async #commitAll(): Promise<void> {
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting
      this.#waiting = []
      try {
        const task = await this.#open()
        await task.commit({ outputs: this.#outputs(waiting), state: [], next: [] })
        for (const { done } of waiting) done.resolve()
      } catch (thrown) {
        // Another attempt may find a log that works again, or the task free.
        this.#task = null
        for (const { done } of waiting) done.reject(thrown)
      }
    }
    this.#work = null
  }

  #open(): Promise<TaskLog> {
    const { log, task } = this.#options
    const spec = { id: task, group: task, inputs: [], start: 'earliest' as const }
    this.#task ??= log.openTask({ ...spec, delivery: 'at_least_once' })
    return this.#task
  }

  #outputs(waiting: readonly Waiting[]): TaskCommit['outputs'] {
    const { clock, task, partitionsOf } = this.#options
    const collector = new OutputCollector(task)
    for (const { topic, record } of waiting) {
      const ingestUs = clock.monotonicUs()
      const { key, value, headers, eventTimeMs } = record
      collector.topic(topic, partitionsOf(topic)).appendByKey({
        key,
        value,
        headers: encodeHeaders(headers),
        times: { timestampMs: clock.wallMs(), eventTimeMs, ingestUs, waitUs: 0, runUs: 0 },
      })
    }
    return collector.take()
  }
}
