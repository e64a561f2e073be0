import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { HookEvent, HookEventName, Listener } from '../core/hook.ts'
import type { JsonValue } from '../core/json.ts'
import { defaultHookLimits, type HookLimits } from './hook-limits.ts'
import type { HookMeter } from './hook-meter.ts'
import type { EventCause, HookTracing } from './hook-tracing.ts'
import { type HookProblem, type HookStats, ListenerQueue } from './listener-queue.ts'

/** One listener of a stage, with the events that it wants. */
export interface Hook {
  readonly on: readonly HookEventName[]
  /** Only events for which this is `true` are delivered; null delivers all. May throw. */
  readonly when: ((event: HookEvent) => JsonValue) | null
  readonly listener: Listener
  /** For statistics and problems, such as `log` or `module ./alert.ts`. */
  readonly name: string
  /** By default those of `defaultHookLimits`. */
  readonly limits?: HookLimits
}

export interface HookRunnerOptions {
  readonly stage: string
  readonly hooks: readonly Hook[]
  readonly clock: Clock
  /** Absent or null: nothing is traced. */
  readonly tracing?: HookTracing | null
  /** Told of the first problem of a kind, then at most every `problemIntervalMs`. Must not throw. */
  readonly onProblem: (problem: HookProblem) => void
}

interface Subscription {
  readonly when: Hook['when']
  readonly queue: ListenerQueue
}

/**
 * Best-effort delivery of a stage's events. The data path only puts them into queues; listeners are
 * called in turns of the event loop of their own, so that nothing they do (throw, hang, refuse) can
 * reach the records. Only a listener that computes without returning holds up the process it is in.
 */
export class HookRunner {
  readonly #options: HookRunnerOptions
  readonly #queues: readonly ListenerQueue[]
  readonly #subscriptions = new Map<HookEventName, Subscription[]>()
  readonly #pump = () => this.#runTurn()
  #isScheduled = false
  #isClosed = false
  #onIdle: (() => void) | null = null

  constructor(options: HookRunnerOptions) {
    this.#options = options
    this.#queues = options.hooks.map((hook, index) => this.#subscribe(hook, index))
  }

  get hasListeners(): boolean {
    return this.#subscriptions.size > 0
  }

  /** Whether anyone listens: events that no one wants need not be made. */
  wants(event: HookEventName): boolean {
    return this.#subscriptions.has(event)
  }

  /**
   * Queues the event for its listeners. Never throws, waits or calls a listener. `when` is evaluated
   * here, before the record's value changes; the event itself is kept and must not change any more.
   */
  publish(event: HookEvent, cause: EventCause | null = null): void {
    const subscriptions = this.#subscriptions.get(event.event)
    if (subscriptions === undefined) return
    for (const { when, queue } of subscriptions) {
      if (this.#isClosed) queue.refuse(event, 'dropped', 'the stage has stopped')
      else if (when === null || this.#isMet(when, queue, event)) queue.offer(event, cause)
    }
    this.#schedule()
  }

  /** By listener and event, for those that have occurred. */
  stats(): readonly HookStats[] {
    return this.#queues.flatMap((queue) => queue.stats)
  }

  /** The same with the distribution of the times. */
  get meters(): readonly HookMeter[] {
    return this.#queues.flatMap((queue) => queue.meters)
  }

  /** Takes no more events, and waits until all are handled, for `deadlineMs` at most. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosed = true
    if (!this.#isIdle) {
      const idle = new AbortController()
      this.#onIdle = () => idle.abort()
      this.#schedule()
      await this.#options.clock.sleep(deadlineMs, idle.signal)
    }
    for (const queue of this.#queues) {
      queue.abandon()
      queue.tellProblems(true)
    }
  }

  get #isIdle(): boolean {
    return this.#queues.every((queue) => queue.isIdle)
  }

  #subscribe(hook: Hook, index: number): ListenerQueue {
    const { stage, clock, tracing = null, onProblem } = this.#options
    const { name, listener, limits = defaultHookLimits } = hook
    const queue = new ListenerQueue({
      stage,
      name,
      listener,
      limits,
      clock,
      tracing,
      index,
      onProblem,
      onFree: () => this.#schedule(),
    })
    for (const event of new Set(hook.on)) {
      const subscriptions = this.#subscriptions.get(event) ?? []
      subscriptions.push({ when: hook.when, queue })
      this.#subscriptions.set(event, subscriptions)
    }
    return queue
  }

  #isMet(when: (event: HookEvent) => JsonValue, queue: ListenerQueue, event: HookEvent): boolean {
    try {
      return when(event) === true
    } catch (thrown) {
      queue.refuse(event, 'failed', `\`when\` cannot be evaluated: ${messageOf(thrown)}`)
      return false
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#pump)
  }

  #runTurn(): void {
    this.#isScheduled = false
    let canGoOn = false
    for (const queue of this.#queues) {
      if (queue.startSome()) canGoOn = true
      queue.tellProblems()
    }
    if (canGoOn) this.#schedule()
    else if (this.#onIdle !== null && this.#isIdle) this.#onIdle()
  }
}
