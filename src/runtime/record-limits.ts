import type { TaskLog } from '../core/log.ts'

/** After which the log is asked again; a limit that has changed before is met by the log itself. */
const maxAgeUs = 60 * 1_000_000

/** How large records of topics may be, as the log said last: bytes of key, value and headers together. */
export class RecordLimits {
  all: ReadonlyMap<string, number> = new Map()
  #dueUs = Number.POSITIVE_INFINITY

  /** Infinity where the log says nothing. */
  of(topic: string): number {
    return this.all.get(topic) ?? Number.POSITIVE_INFINITY
  }

  /** Whether it is time to ask again. */
  isDue(nowUs: number): boolean {
    return nowUs >= this.#dueUs
  }

  /** @throws PipelineError; what is known holds on then. */
  async ask(log: TaskLog, topics: readonly string[], nowUs: number): Promise<void> {
    if (log.recordLimits === undefined) return
    this.#dueUs = nowUs + maxAgeUs
    this.all = await log.recordLimits(topics)
  }
}
