import type { HookEventName } from './hook.ts'
import type { Disposition } from './operator.ts'

/** What the runtime measured of one committed slice; the arrays are valid during the call only. */
export interface CommittedSlice {
  readonly pipeline: string
  readonly stage: string
  readonly task: string
  readonly records: number
  /** By record: waiting before its steps, running in them, and when they ended (epoch µs). */
  readonly waitUs: Float64Array
  readonly runUs: Float64Array
  readonly endUs: Float64Array
  /** When the commit of the slice returned, epoch µs. */
  readonly committedUs: number
}

/** Where measurements go beside the run's own report. It must neither throw nor wait. */
export interface Telemetry {
  sliceCommitted(slice: CommittedSlice): void
  /** Absent: nobody wants spans. */
  readonly tracing?: Tracing
}

/** Takes what was traced of committed work and makes spans of it. It must neither throw nor wait. */
export interface Tracing {
  /** How much of the records that begin a trace is traced, 0 to 1; null: as the pipeline file says. */
  readonly ratio: number | null
  /**
   * Sets spans aside for a slice, so that the limit of spans per second is kept and whatever is written
   * into the headers of a record becomes a span. To be settled once it is known what it takes.
   */
  reserve(nowUs: number): SpanReserve
  settle(reserve: SpanReserve, spans: number): void
  committed(traces: CommittedTraces): void
  /** A listener was called for something that is traced. Beyond the limit it is left out and counted. */
  hooked(hook: TracedHook): void
  /** A dead letter was written back; its span was set aside. */
  replayed(replay: TracedReplay): void
  /** Records that were to be traced and were not, because of the limit. */
  leftOut(records: number): void
  readonly counts: SpanCounts
}

export interface SpanReserve {
  readonly spans: number
  /** Traces that may begin with them: a part is for traces under way, which must not be torn. */
  readonly begins: number
}

/** What became of spans since the process began. */
export interface SpanCounts {
  readonly exported: number
  readonly dropped: Readonly<Record<SpanDrop, number>>
  /** Records that were to be traced and were not, because of the limit. */
  readonly recordsLeftOut: number
}

/**
 * `limit`: more than the spans per second of a process, counted as three a record and one a call of a listener; `queue`: the collector is too slow; `export`: it
 * is away, or refused them; `shutdown`: it did not take them in the time that a process waits at its end.
 */
export const spanDrops = ['limit', 'queue', 'export', 'shutdown'] as const
export type SpanDrop = (typeof spanDrops)[number]

/** Another span, of another trace perhaps. */
export interface SpanPlace {
  readonly traceId: string
  readonly spanId: string
}

/** Why a record is traced; `hook`: a listener failed over it. */
export type TraceReason = 'parent' | 'head' | 'error' | 'slow' | 'retry' | 'hook'

/** One record of a slice with the ids of its spans; plain data, which goes from thread to thread. */
export interface TracedRecord {
  readonly traceId: string
  /** The span that wrote the record; null where the trace begins here. */
  readonly parentId: string | null
  /** The context of the record, where this trace does not continue it. */
  readonly link: SpanPlace | null
  readonly reason: TraceReason
  readonly waitId: string
  readonly processId: string
  /** Part of the slice, and index in it. */
  readonly part: number
  readonly index: number
  /** null: of a source. */
  readonly topic: string | null
  readonly partition: number
  readonly offset: number | null
  /** Since when it waited, when its steps began, and when they ended, epoch µs. */
  queuedUs: number
  startUs: number
  endUs: number
  outcome: Disposition
  /** The error of a record that failed. */
  failure: { readonly code: string; readonly message: string } | null
  /** Ids of the windows that hold it. */
  readonly windows: readonly string[]
  /** What was written because of it. */
  readonly sends: readonly TracedSend[]
  /** Calls of steps that wait for something outside; absent where there are none. */
  attempts?: readonly StepAttempt[]
}

/** A call of a step about one record. */
export interface StepAttempt extends SinkAttempt {
  readonly step: string
}

export interface TracedSend {
  readonly spanId: string
  /** The name of a topic; null: the sink of the stage. */
  readonly topic: string | null
  readonly kind: 'result' | 'dead_letter' | 'late'
}

/** The result of a window, or of other records together: a trace of its own, with links to them. */
export interface TracedEmit {
  readonly traceId: string
  readonly spanId: string
  readonly window: string
  /** Event time of the result, epoch ms; NaN where it has none. */
  readonly eventTimeMs: number
  readonly topic: string | null
  readonly links: readonly WindowLink[]
  /** Traced records that have no link. */
  readonly leftOut: number
  readonly startUs: number
  readonly failure: { readonly code: string; readonly message: string } | null
}

/** A record that contributed to a window. */
export interface WindowLink extends SpanPlace {
  readonly topic: string | null
  readonly partition: number
  readonly offset: number | null
}

/** A dead letter on its way back: a trace of its own, with a link to the one in which it failed. */
export interface TracedReplay extends SpanPlace {
  readonly link: SpanPlace | null
  readonly pipeline: string
  readonly stage: string
  /** Where it was written to. */
  readonly topic: string
  readonly partition: number
  /** The dead letter: `<topic>/<partition>/<offset>`. */
  readonly letter: string
  /** Why it was one. */
  readonly code: string
  /** How often it was written back, with this time. */
  readonly attempt: number
  readonly startUs: number
  readonly endUs: number
}

/** A call of a listener. */
export interface TracedHook extends SpanPlace {
  /** The span of the record in the stage; null: the event was about no record. */
  readonly parentId: string | null
  /** The result or the records that the event was about, where it has no parent. */
  readonly links: readonly SpanPlace[]
  readonly pipeline: string
  readonly stage: string
  /** The type of the listener. */
  readonly listener: string
  readonly event: HookEventName
  /** When the event came to the listener's queue, and when the call began and ended, epoch µs. */
  readonly queuedUs: number
  readonly startUs: number
  readonly endUs: number
  readonly outcome: HookOutcome
  readonly attempts: number
  /** What was thrown, or how long it took; null where the event was delivered. */
  readonly message: string | null
}
export type HookOutcome = 'delivered' | 'failed' | 'timed_out'

/** What the step of a task traced of one slice. */
export interface SliceTraces {
  readonly records: TracedRecord[]
  readonly emits: TracedEmit[]
  /** Records of sampled traces that exceeded the budget. */
  leftOut: number
}

export interface CommittedTraces extends SliceTraces {
  readonly pipeline: string
  readonly stage: string
  /** The part of the stage: `totals.repartition`. */
  readonly node: string
  readonly task: string
  readonly group: string
  /** The type of the stage's source; null where it reads topics. */
  readonly source: string | null
  readonly sink: CommittedSink | null
  readonly committedUs: number
}

/** How the batch of a slice was written to the sink. */
export interface CommittedSink {
  /** The type of the sink. */
  readonly type: string
  readonly attempts: readonly SinkAttempt[]
}

export interface SinkAttempt {
  readonly startUs: number
  readonly endUs: number
  /** The error that it ended with; null where it was written. */
  readonly error: string | null
}
