import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { HookEvent, HookEventName, Listener } from '../core/hook.ts'
import type { JsonObject } from '../core/json.ts'
import type { HookOutcome } from '../core/telemetry.ts'
import { bucketOf, type HookLimits } from './hook-limits.ts'
import { HookMeter } from './hook-meter.ts'
import type { EventCause, HookTracing } from './hook-tracing.ts'

/** Events that one listener handles at the same time. */
export const maxParallelCalls = 8
/** Calls of one listener in one turn of the event loop, so that records and I/O get theirs. */
const maxCallsPerTurn = 100
/** A problem of a listener that goes on is told again after this time, with how often it happened. */
export const problemIntervalMs = 10_000

export type HookProblemKind = 'failed' | 'timed_out' | 'dropped' | 'limited'

export interface HookProblem {
  readonly stage: string
  readonly listener: string
  readonly event: HookEventName
  readonly kind: HookProblemKind
  /** Trace and span of the record that the event was about, where it was about one. */
  readonly ids: JsonObject
  /** What went wrong the last time, as a sentence for the log. */
  readonly message: string
  /** How often since the problem was told last. */
  readonly count: number
}

/** What one listener did with the events of one name. All but `dropped` and `limited` have been given to it. */
export interface HookStats {
  readonly stage: string
  readonly event: HookEventName
  readonly listener: string
  readonly delivered: number
  readonly failed: number
  readonly timedOut: number
  readonly dropped: number
  readonly limited: number
  /** Sums over the events given to the listener, µs: handling them, and waiting in the queue. */
  readonly runUs: number
  readonly waitUs: number
}

interface Begun {
  readonly event: HookEvent
  readonly cause: EventCause | null
  readonly queuedUs: number
  readonly startedUs: number
}

interface Call extends Begun {
  /** Aborts the listener's work. */
  readonly deadline: AbortController
  /** Ends the wait for the deadline. */
  readonly finished: AbortController
}

export interface ListenerQueueOptions {
  readonly stage: string
  readonly name: string
  readonly listener: Listener
  readonly clock: Clock
  readonly limits: HookLimits
  /** null: nothing is traced. */
  readonly tracing: HookTracing | null
  /** Its place among the listeners of the stage. */
  readonly index: number
  readonly onProblem: (problem: HookProblem) => void
  /** Called when an asynchronous call has ended, so that the next one can start. */
  readonly onFree: () => void
}

/**
 * The events on their way to one listener: a ring of waiting ones, and the calls under way. Listeners
 * are called in the order of the events; asynchronous ones may finish in another.
 */
export class ListenerQueue {
  readonly #options: ListenerQueueOptions
  readonly #waiting: (HookEvent | undefined)[] = []
  readonly #causes: (EventCause | null)[] = []
  readonly #queuedUs: Float64Array
  readonly #bucket: ReturnType<typeof bucketOf>
  /** Events over the rate since the last one that was within it. */
  #leftOut = 0
  #head = 0
  #count = 0
  #callsInTurn = 0
  readonly #calls = new Set<Call>()
  readonly #meters = new Map<HookEventName, HookMeter>()
  readonly #problems = new Map<HookProblemKind, { problem: HookProblem; toldUs: number }>()

  constructor(options: ListenerQueueOptions) {
    this.#options = options
    this.#queuedUs = new Float64Array(options.limits.queue)
    this.#bucket = bucketOf(options.limits)
  }

  get isIdle(): boolean {
    return this.#count === 0 && this.#calls.size === 0
  }

  get stats(): readonly HookStats[] {
    const { stage } = this.#options
    return this.meters.map(
      ({ event, listener, delivered, failed, timedOut, dropped, limited, run, wait }) => {
        const counts = { delivered, failed, timedOut, dropped, limited }
        return { stage, event, listener, ...counts, runUs: run.sumUs, waitUs: wait.sumUs }
      },
    )
  }

  /** By event, of those that have occurred. */
  get meters(): readonly HookMeter[] {
    return [...this.#meters.values()]
  }

  /** Never throws and calls nothing but the clock: this runs in the data path. */
  offer(event: HookEvent, cause: EventCause | null): void {
    const { clock, limits } = this.#options
    const { queue } = limits
    if (this.#count === queue) {
      this.refuse(event, 'dropped', `more than ${queue} events waited for the listener`)
      return
    }
    const nowUs = clock.monotonicUs()
    if (this.#bucket !== null && this.#bucket.available(nowUs) < 1) {
      this.#leftOut += 1
      this.refuse(event, 'limited', 'more events came than the `rate` of the hook allows')
      return
    }
    this.#bucket?.take(1)
    const at = (this.#head + this.#count) % queue
    this.#waiting[at] = this.#withLeftOut(event)
    this.#causes[at] = cause
    this.#queuedUs[at] = nowUs
    this.#meterOf(event.event).queued(nowUs, this.#count + this.#calls.size)
    this.#count += 1
  }

  /** Counts an event that the listener was never given. */
  refuse(event: HookEvent, kind: 'failed' | 'dropped' | 'limited', message: string): void {
    this.#meterOf(event.event)[kind] += 1
    this.#note(event, { kind, message, ids: idsOf(event.data) })
  }

  /** Begins a turn: calls the listener while a slot is free. @returns whether it could go on at once. */
  startSome(): boolean {
    this.#callsInTurn = 0
    return this.#startMore()
  }

  /** Tells of problems that are new, or not told for a while; of all with `isLast`. */
  tellProblems(isLast = false): void {
    const nowUs = this.#options.clock.monotonicUs()
    for (const entry of this.#problems.values()) {
      if (entry.problem.count === 0) continue
      if (!isLast && nowUs - entry.toldUs < problemIntervalMs * 1_000) continue
      this.#options.onProblem(entry.problem)
      entry.problem = { ...entry.problem, count: 0 }
      entry.toldUs = nowUs
    }
  }

  /** Gives up what waits (`dropped`) and what is under way (`timedOut`). */
  abandon(): void {
    for (; this.#count > 0; this.#count--) {
      const event = this.#waiting[this.#head]!
      this.#forgetHead()
      this.#meterOf(event.event).abandoned(this.#options.clock.monotonicUs())
      this.refuse(event, 'dropped', 'the stage stopped before the listener was free')
    }
    for (const call of this.#calls)
      this.#giveUp(call, 'the stage stopped before the listener had finished')
  }

  #startMore(): boolean {
    for (; this.#count > 0 && this.#calls.size < maxParallelCalls; this.#callsInTurn++) {
      if (this.#callsInTurn === maxCallsPerTurn) return true
      const event = this.#waiting[this.#head]!
      const cause = this.#causes[this.#head]!
      const queuedUs = this.#queuedUs[this.#head]!
      this.#forgetHead()
      this.#count -= 1
      const startedUs = this.#options.clock.monotonicUs()
      this.#start({ event, cause, queuedUs, startedUs })
    }
    return false
  }

  /** The first event after a time of too many says how many there were. */
  #withLeftOut(event: HookEvent): HookEvent {
    const count = this.#leftOut
    if (count === 0) return event
    this.#leftOut = 0
    return { ...event, data: { ...event.data, left_out: count } }
  }

  #forgetHead(): void {
    this.#waiting[this.#head] = undefined
    this.#causes[this.#head] = null
    this.#head = (this.#head + 1) % this.#options.limits.queue
  }

  #start(begun: Begun): void {
    const { event, queuedUs, startedUs } = begun
    this.#meterOf(event.event).started(queuedUs, startedUs, this.#calls.size + 1)
    const deadline = new AbortController()
    try {
      const result = this.#options.listener.notify(event, deadline.signal)
      if (result === undefined) this.#record(begun, 'delivered', null)
      else {
        const finished = new AbortController()
        this.#follow({ ...begun, deadline, finished }, result)
      }
    } catch (thrown) {
      this.#record(begun, 'failed', messageOf(thrown))
    }
  }

  #follow(call: Call, result: Promise<void>): void {
    this.#calls.add(call)
    // Whatever a user's function returned, `resolve` makes a promise of it. Both outcomes are handled
    // also after the deadline, where they are ignored: nothing is left to reject unheard.
    Promise.resolve(result).then(
      () => this.#end(call, 'delivered', null),
      (thrown: unknown) => this.#end(call, 'failed', messageOf(thrown)),
    )
    const { clock, limits } = this.#options
    const { deadlineMs } = limits
    void clock.sleep(deadlineMs, call.finished.signal).then(() => {
      this.#giveUp(call, tooSlow(deadlineMs))
    })
  }

  #giveUp(call: Call, message: string): void {
    if (!this.#end(call, 'timed_out', message)) return
    call.deadline.abort(new Error(message))
  }

  /** @returns false when the call had ended before. */
  #end(call: Call, outcome: HookOutcome, message: string | null): boolean {
    if (!this.#calls.delete(call)) return false
    call.finished.abort()
    this.#record(call, outcome, message)
    this.#startMore()
    this.#options.onFree()
    return true
  }

  #record(begun: Begun, outcome: HookOutcome, message: string | null): void {
    const { event, cause, queuedUs, startedUs: startUs } = begun
    const { clock, tracing, name: listener, index: hook } = this.#options
    const meter = this.#meterOf(event.event)
    meter[outcome === 'timed_out' ? 'timedOut' : outcome] += 1
    const endUs = clock.monotonicUs()
    meter.ended(queuedUs, startUs, endUs)
    const times = { queuedUs, startUs, endUs }
    const span =
      tracing?.called({ event, cause, listener, hook, ...times, outcome, message }) ?? null
    if (outcome === 'delivered') return
    const ids = span === null ? idsOf(event.data) : { trace_id: span.traceId, span_id: span.spanId }
    this.#note(event, { kind: outcome, message: message ?? '', ids })
  }

  #note({ event }: HookEvent, what: Pick<HookProblem, 'kind' | 'message' | 'ids'>): void {
    const { stage, name } = this.#options
    const { kind } = what
    const known = this.#problems.get(kind)
    const count = (known?.problem.count ?? 0) + 1
    const problem = { stage, listener: name, event, count, ...what }
    if (known === undefined) this.#problems.set(kind, { problem, toldUs: Number.NEGATIVE_INFINITY })
    else known.problem = problem
  }

  #meterOf(event: HookEventName): HookMeter {
    let meter = this.#meters.get(event)
    if (meter === undefined) {
      meter = new HookMeter(event, this.#options.name)
      this.#meters.set(event, meter)
    }
    return meter
  }
}

export function tooSlow(deadlineMs: number): string {
  return `the listener did not finish within ${deadlineMs / 1_000} s`
}

export function idsOf(data: JsonObject): JsonObject {
  const { trace_id: traceId, span_id: spanId } = data
  return {
    ...(typeof traceId === 'string' ? { trace_id: traceId } : {}),
    ...(typeof spanId === 'string' ? { span_id: spanId } : {}),
  }
}
