import type { Clock, Random } from '../core/clock.ts'
import type { HookEvent, HookEventName, Listener } from '../core/hook.ts'
import type { HookOutcome } from '../core/telemetry.ts'
import type { NodeSettings, StageHook } from '../topology/topology.ts'
import { hookCondition } from './hook-condition.ts'
import { bucketOf } from './hook-limits.ts'
import { HookMeter } from './hook-meter.ts'
import type { EventCause, HookTracing, TracedTask } from './hook-tracing.ts'
import { idsOf, problemIntervalMs, type HookProblem } from './listener-queue.ts'
import type { StoredEvent } from '../core/cloud-event.ts'

export interface ReliableHookOptions {
  readonly hook: StageHook
  readonly listener: Listener
  /** Its place among the listeners of the stage. */
  readonly index: number
  readonly retry: NodeSettings['retry']
  readonly clock: Clock
  readonly random: Random
  /** null: nothing is traced. */
  readonly tracing: HookTracing | null
  /** Told of the first problem, then at most every `problemIntervalMs`. Must not throw. */
  readonly onProblem: (problem: HookProblem) => void
}

/** How an event ended that was given to the listener, µs. */
export interface Handled {
  readonly queuedUs: number
  /** The first call. */
  readonly startUs: number
  /** All calls. */
  readonly runUs: number
  /** Since when the task was free for it. */
  readonly freeUs: number
  /** Events that were ahead of it in its partition. */
  readonly ahead: number
  readonly outcome: HookOutcome
  readonly message: string | null
  readonly attempts: number
}

/** One reliable listener of a stage in this process, whatever tasks deliver to it. */
export class ReliableHook {
  readonly options: ReliableHookOptions
  readonly when: ((event: HookEvent) => unknown) | null
  readonly bucket: ReturnType<typeof bucketOf>
  readonly #on: ReadonlySet<HookEventName>
  readonly #meters = new Map<HookEventName, HookMeter>()
  #untold = 0
  #toldUs = Number.NEGATIVE_INFINITY

  constructor(options: ReliableHookOptions) {
    const { when, on, delivery } = options.hook
    this.options = options
    this.when = when === null ? null : hookCondition(when)
    this.bucket = bucketOf(delivery)
    this.#on = new Set(on)
  }

  get stage(): string {
    return this.options.hook.stage
  }

  /** By event, of those that have come. */
  get meters(): readonly HookMeter[] {
    return [...this.#meters.values()]
  }

  listensTo({ stage, event }: HookEvent): boolean {
    return stage === this.stage && this.#on.has(event)
  }

  meterOf(event: HookEventName): HookMeter {
    const known = this.#meters.get(event)
    if (known !== undefined) return known
    const meter = new HookMeter(event, this.options.hook.name)
    this.#meters.set(event, meter)
    return meter
  }

  ended(stored: StoredEvent, handled: Handled): void {
    const { event } = stored
    const { clock, tracing, hook, index } = this.options
    const { outcome, message } = handled
    const meter = this.meterOf(event.event)
    const endUs = clock.monotonicUs()
    meter[outcome === 'timed_out' ? 'timedOut' : outcome] += 1
    meter.handled(handled, endUs)
    const cause = causeOf(stored)
    tracing?.called({ ...handled, event, cause, listener: hook.listener.type, hook: index, endUs })
    if (message !== null) this.refused(event, message)
  }

  /** An event has gone to the dead letters. */
  refused(event: HookEvent, message: string): void {
    const { clock, hook, onProblem } = this.options
    this.#untold += 1
    const nowUs = clock.monotonicUs()
    if (nowUs - this.#toldUs < problemIntervalMs * 1_000) return
    const count = this.#untold
    this.#untold = 0
    this.#toldUs = nowUs
    const { stage, name: listener } = hook
    const ids = idsOf(event.data)
    onProblem({ stage, listener, event: event.event, kind: 'failed', ids, message, count })
  }
}

/** The span of the cause lies in another trace by now, which the call links to. */
function causeOf({ span }: StoredEvent): EventCause | null {
  return span === null
    ? null
    : { task: elsewhere, record: null, links: [span], committedUs: Number.NaN }
}

const elsewhere: TracedTask = { linksTo: () => [], committed: () => {} }
