import type { HookEvent, HookEventName } from '../core/hook.ts'
import type {
  CommittedSink,
  HookOutcome,
  SliceTraces,
  SpanPlace,
  TracedRecord,
  Tracing,
} from '../core/telemetry.ts'
import type { TokenBucket } from '../core/token-bucket.ts'
import { spanIdOf, traceIdOf } from '../core/trace-ids.ts'
import { type SeenRecord, tracedRecord } from './seen-record.ts'
import { spansBeforeSend } from './trace-request.ts'

/** What hands on what is traced of a task. */
export interface TracedTask {
  /** The records of a slice that an event about all of it links to. */
  linksTo(traces: SliceTraces): readonly SpanPlace[]
  committed(
    traces: SliceTraces,
    how: { readonly committedUs: number; readonly sink: CommittedSink | null },
  ): void
}

/** What an event is about, as far as that may be traced. */
export interface EventCause {
  readonly task: TracedTask
  /** null: the event is about no record. */
  readonly record: SeenRecord | null
  /** The result or the traced records that it is about instead. */
  readonly links: readonly SpanPlace[]
  /** Epoch µs; NaN until then. */
  committedUs: number
}

/** How a listener was called for an event. */
export interface HookCall {
  readonly event: HookEvent
  readonly cause: EventCause | null
  /** The type of the listener, and its place among those of the stage. */
  readonly listener: string
  readonly hook: number
  readonly queuedUs: number
  readonly startUs: number
  readonly endUs: number
  readonly outcome: HookOutcome
  /** What went wrong. */
  readonly message: string | null
  /** How often the listener was given the event; once if left out. */
  readonly attempts?: number
}

export interface HookTracingOptions {
  readonly tracing: Tracing
  /** Of the stage: records that failed and calls that failed share it. */
  readonly faults: TokenBucket
  readonly pipeline: string
  readonly stage: string
  /** Replaces secrets in a text. */
  readonly mask: (text: string) => string
}

const maxMessageLength = 1_000

/**
 * Makes spans of the calls of a stage's listeners: of events about what is traced, and of calls that
 * failed, whose record is traced from then on.
 */
export class HookTracing {
  readonly #options: HookTracingOptions

  constructor(options: HookTracingOptions) {
    this.#options = options
  }

  /** @returns the span of the record in the stage, or of the call where there is none; null: it is not traced. */
  called(call: HookCall): SpanPlace | null {
    const { cause, outcome } = call
    const links = cause?.links ?? []
    const isFault = outcome !== 'delivered'
    if (cause !== null && cause.record !== null) {
      const record = cause.record.traced ?? (isFault ? this.#keep(cause, cause.record, call) : null)
      return record === null ? null : this.#ofRecord(call, record)
    }
    if (links.length === 0 && !(isFault && this.#takesFault(call.endUs))) return null
    return this.#ofNone(call, links)
  }

  #ofRecord(call: HookCall, { traceId, processId }: TracedRecord): SpanPlace {
    const place = { traceId, spanId: processId }
    this.#make(call, { traceId, parentId: processId, links: [], about: [processId] })
    return place
  }

  #ofNone(call: HookCall, links: readonly SpanPlace[]): SpanPlace {
    const { pipeline, stage } = this.#options
    const { event, hook, queuedUs } = call
    const about =
      links.length > 0
        ? links.map(({ spanId }) => spanId)
        : [event.timeMs, queuedUs, JSON.stringify(event.data)]
    const traceId = traceIdOf('hook', pipeline, stage, event.event, hook, ...about)
    return { traceId, spanId: this.#make(call, { traceId, parentId: null, links, about }) }
  }

  /** Returns the id of the span. */
  #make(
    call: HookCall,
    of: {
      readonly traceId: string
      readonly parentId: string | null
      readonly links: readonly SpanPlace[]
      readonly about: readonly (string | number)[]
    },
  ): string {
    const { tracing, pipeline, stage, mask } = this.#options
    const { event, listener, hook, queuedUs, startUs, endUs, outcome } = call
    const { traceId, parentId, links, about } = of
    const name: HookEventName = event.event
    const spanId = spanIdOf(traceId, 'hook', name, hook, ...about)
    const message = call.message === null ? null : mask(call.message).slice(0, maxMessageLength)
    const ids = { traceId, spanId, parentId, links }
    const times = { queuedUs, startUs, endUs }
    const result = { outcome, message, attempts: call.attempts ?? 1 }
    tracing.hooked({ ...ids, ...times, ...result, pipeline, stage, listener, event: name })
    return spanId
  }

  /** A listener failed over a record that was not traced: now it is, but for what was sent before. */
  #keep(cause: EventCause, seen: SeenRecord, { endUs }: HookCall): TracedRecord | null {
    const { tracing } = this.#options
    if (!this.#takesFault(endUs)) return null
    const reserve = tracing.reserve(endUs)
    const hasRoom = reserve.spans >= spansBeforeSend
    tracing.settle(reserve, hasRoom ? spansBeforeSend : 0)
    if (!hasRoom) {
      tracing.leftOut(1)
      return null
    }
    const record = tracedRecord(seen, 'hook')
    seen.traced = record
    const traces = { records: [record], emits: [], leftOut: 0 }
    cause.task.committed(traces, { committedUs: cause.committedUs, sink: null })
    return record
  }

  #takesFault(nowUs: number): boolean {
    const { faults } = this.#options
    if (faults.available(nowUs) < 1) return false
    faults.take(1)
    return true
  }
}
