import type { Disposition } from '../core/operator.ts'
import type { SpanPlace, TracedRecord, TraceReason } from '../core/telemetry.ts'
import type { TraceContext } from '../core/trace-context.ts'
import { spanIdOf, traceIdOf } from '../core/trace-ids.ts'

/** What tells a record from all others: where it lies, or the how-manieth of a task it is, and when it came in. */
export type RecordSubject = readonly (string | number | bigint)[]

/** A record of a slice that is traced, or may be later on: all that its ids come from, and its times. */
export interface SeenRecord {
  readonly subject: RecordSubject
  /** The part of the stage: `totals.repartition`. */
  readonly node: string
  /** Part of the slice, and index in it. */
  readonly part: number
  readonly index: number
  readonly topic: string | null
  readonly partition: number
  readonly offset: number | null
  /** The one that it came with; null where that is not to be looked at. */
  readonly context: TraceContext | null
  /** Its trace begins anew, with a link to the context. */
  readonly breaks: boolean
  readonly queuedUs: number
  readonly startUs: number
  endUs: number
  outcome: Disposition
  failure: TracedRecord['failure']
  /** How it is traced; null: it is not. */
  traced: TracedRecord | null
}

/** The trace of a record, which goes on with that of its context or begins here. */
export function tracedRecord(seen: SeenRecord, reason: TraceReason): TracedRecord {
  const { subject, node, context, breaks } = seen
  const isContinued = context !== null && !breaks
  const traceId = isContinued ? context.traceId : traceIdOf(...subject)
  const link: SpanPlace | null =
    context !== null && breaks ? { traceId: context.traceId, spanId: context.spanId } : null
  return {
    traceId,
    parentId: isContinued ? context.spanId : null,
    link,
    reason,
    waitId: recordSpanId(traceId, 'wait', { subject, node }),
    processId: recordSpanId(traceId, 'process', { subject, node }),
    part: seen.part,
    index: seen.index,
    topic: seen.topic,
    partition: seen.partition,
    offset: seen.offset,
    queuedUs: seen.queuedUs,
    startUs: seen.startUs,
    endUs: Math.max(seen.startUs, seen.endUs),
    outcome: seen.outcome,
    failure: seen.failure,
    windows: [],
    sends: [],
  }
}

/** The span of a kind that the stage makes of a record; the `index` of those that may be several. */
export function recordSpanId(
  traceId: string,
  kind: string,
  { subject, node, index = 0 }: Pick<SeenRecord, 'subject' | 'node'> & { readonly index?: number },
): string {
  return spanIdOf(traceId, kind, index, node, ...subject)
}
