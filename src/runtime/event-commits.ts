import type { TaskCommit, TaskLog } from '../core/log.ts'
import type { EventWriter } from './event-writer.ts'
import type { RecordLimits } from './record-limits.ts'
import type { HeldEvent, HeldEventCommits } from './held-event.ts'
import type { TaskEvents } from './task-events.ts'

/** Events that may wait while the log does not answer; the first ones say how it began. */
export const maxHeldEvents = 1_000

export interface EventCommitsOptions {
  readonly log: Pick<TaskLog, 'commit'>
  readonly writer: EventWriter
  readonly limits: RecordLimits
  /** Told of an event that was left out because too many waited. */
  readonly onDropped: (event: HeldEvent['event']) => void
}

/**
 * Commits the events of a task that have no record as their cause, each as soon as it happens: several
 * that come while a commit is under way share the next one.
 */
export class EventCommits implements HeldEventCommits {
  readonly #options: EventCommitsOptions
  #waiting: HeldEvent[] = []
  #work: Promise<void> | null = null
  #error: { readonly thrown: unknown } | null = null

  constructor(options: EventCommitsOptions) {
    this.#options = options
  }

  add(event: HeldEvent): void {
    if (this.#waiting.length === maxHeldEvents) {
      this.#options.onDropped(event.event)
      return
    }
    this.#waiting.push(event)
    this.#work ??= this.#commitAll()
  }

  async done(): Promise<void> {
    while (this.#work !== null) await this.#work
    if (this.#error !== null) throw this.#error.thrown
  }

  async #commitAll(): Promise<void> {
    const { log, writer, limits } = this.#options
    // What else happens in this turn comes along.
    await Promise.resolve()
    try {
      while (this.#waiting.length > 0) {
        const events = this.#waiting
        this.#waiting = []
        const outputs: TaskCommit['outputs'] = writer.write(events, limits)
        if (outputs.length > 0) await log.commit({ outputs, state: [], next: [] })
      }
    } catch (thrown) {
      this.#error = { thrown }
    } finally {
      this.#work = null
    }
  }
}

/** From now on the task commits the events that have no record as their cause. */
export function beginEvents(
  log: Pick<TaskLog, 'commit'>,
  task: {
    readonly events: TaskEvents
    readonly step: { readonly limits: RecordLimits }
    readonly node: { readonly stage: string }
    readonly notice: (message: string) => void
  },
): void {
  const { events, step, node, notice } = task
  const { writer } = events
  if (writer === null) return
  const onDropped = ({ event }: HeldEvent['event']) =>
    notice(
      `the stage "${node.stage}" dropped the event ${event}: more than ${maxHeldEvents} wait for the log`,
    )
  events.commits = new EventCommits({ log, writer, limits: step.limits, onDropped })
}
