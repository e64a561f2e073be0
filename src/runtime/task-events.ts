import type { Clock } from '../core/clock.ts'
import type { RecordFailure } from '../core/errors.ts'
import type { HookEvent, HookEventName } from '../core/hook.ts'
import { decodeJson, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Disposition } from '../core/operator.ts'
import type { StepRecord } from '../core/step-record.ts'
import type { SliceTraces, SpanPlace, TracedRecord } from '../core/telemetry.ts'
import { traceContextOf } from '../core/trace-context.ts'
import type { HookRunner } from './hook-runner.ts'
import type { EventCause, TracedTask } from './hook-tracing.ts'
import type { SeenRecord } from './seen-record.ts'

const eventOf: Readonly<Partial<Record<Disposition, HookEventName>>> = {
  emitted: 'record_processed',
  absorbed: 'record_processed',
  filtered: 'record_filtered',
  deduplicated: 'record_filtered',
  skipped: 'record_filtered',
  late: 'record_late',
}

/** An event whose cause is not committed yet. */
export interface HeldEvent {
  readonly event: HookEvent
  /** null: nothing is traced. */
  readonly cause: EventCause | null
}

/** Who knows what the record at hand is traced by. */
export interface EventTracer {
  /** null: nothing is traced. */
  seen(failure: RecordFailure | null): SeenRecord | null
  /** Under what it is found where it is not traced. */
  untracedIds(): { readonly traceId: string; readonly processId: string }
  /** Of the last result that a step has made; null: it has no trace. */
  readonly lastEmit: SpanPlace | null
}

/**
 * Events of one task, held back until their cause is committed. Where no hook listens, asking is all
 * that it costs.
 */
export class TaskEvents {
  readonly #runner: HookRunner
  readonly #clock: Clock
  readonly #pipeline: string
  readonly #stage: string
  readonly #tracing: TracedTask | null
  #pending: HeldEvent[] = []
  /** Whether the stage has any listener. */
  readonly areWanted: boolean

  /** @param options.tracing absent or null: nothing is traced. */
  constructor(options: {
    runner: HookRunner
    clock: Clock
    pipeline: string
    stage: string
    tracing?: TracedTask | null
  }) {
    this.#runner = options.runner
    this.areWanted = options.runner.hasListeners
    this.#clock = options.clock
    this.#pipeline = options.pipeline
    this.#stage = options.stage
    this.#tracing = options.tracing ?? null
  }

  wants(event: HookEventName): boolean {
    return this.#runner.wants(event)
  }

  /** @param how.isDecoded whether the stage has read the record's value; else it is read for the event. */
  record(
    disposition: Disposition,
    record: StepRecord,
    { isDecoded, tracer }: { readonly isDecoded: boolean; readonly tracer: EventTracer },
  ): void {
    const event = eventOf[disposition]
    if (event === undefined || !this.wants(event)) return
    const value = isDecoded ? record.value : decodedIfPossible(record.valueText)
    const ids = event === 'record_late' ? untracedIds(tracer) : carriedIds(record)
    const data = { disposition, ...placeOf(record), ...ids }
    this.#hold(event, { data, value, cause: this.#causeOf(tracer, null) })
  }

  windowClosed({ key, value }: StepRecord, tracer: EventTracer): void {
    if (this.wants('window_closed'))
      this.#hold('window_closed', { data: { key }, value, ...this.#ofEmit(tracer) })
  }

  /** A record that a step made failed: it has no place in a topic. */
  madeFailed(
    made: { key: string | null; valueText: string },
    failure: RecordFailure,
    { deadLettered, tracer }: { readonly deadLettered: boolean; readonly tracer: EventTracer },
  ): void {
    const { code, message, step } = failure
    const data = { code, message, step, key: made.key }
    const value = () => decodedIfPossible(made.valueText)
    if (this.wants('record_failed'))
      this.#hold('record_failed', { data, value: value(), ...this.#ofEmit(tracer) })
    if (deadLettered && this.wants('record_dead_lettered'))
      this.#hold('record_dead_lettered', { data, value: value(), ...this.#ofEmit(tracer) })
  }

  failed(
    record: StepRecord,
    failure: RecordFailure,
    { deadLettered, tracer }: { readonly deadLettered: boolean; readonly tracer: EventTracer },
  ): void {
    if (!this.wants('record_failed') && !this.wants('record_dead_lettered')) return
    const { code, message, step } = failure
    const data = { code, message, step, ...placeOf(record), ...untracedIds(tracer) }
    const value = decodedIfPossible(record.valueText)
    const of = { data, value, cause: this.#causeOf(tracer, failure) }
    if (this.wants('record_failed')) this.#hold('record_failed', of)
    if (deadLettered && this.wants('record_dead_lettered')) this.#hold('record_dead_lettered', of)
  }

  /** What the commit of the slice has made true, in order. */
  take(): HeldEvent[] {
    const pending = this.#pending
    this.#pending = []
    return pending
  }

  /** @param traces what was traced of the slice; null: nothing. */
  publishAll(
    events: readonly HeldEvent[],
    { traces, committedUs }: { readonly traces: SliceTraces | null; readonly committedUs: number },
  ): void {
    if (events.length === 0) return
    const records = recordsByPlace(traces)
    for (const { event, cause } of events) {
      if (cause !== null) cause.committedUs = committedUs
      const record = cause?.record ?? null
      if (record !== null) record.traced ??= records.get(record.part)?.get(record.index) ?? null
      const traced = record?.traced ?? null
      const told = traced === null ? event : withIds(event, tracedIds(traced))
      this.#runner.publish(told, cause)
    }
  }

  /**
   * For an event that has no record as its cause.
   * @param traces what was traced of the slice that it is about.
   */
  publish(event: HookEventName, data: JsonObject, traces: SliceTraces | null = null): void {
    if (!this.wants(event)) return
    const task = this.#tracing
    const links = traces === null || task === null ? [] : task.linksTo(traces)
    const cause = task === null ? null : { task, record: null, links, committedUs: Number.NaN }
    this.#runner.publish(this.#make(event, data, null), cause)
  }

  #causeOf(tracer: EventTracer, failure: RecordFailure | null): EventCause | null {
    const task = this.#tracing
    const record = task === null ? null : tracer.seen(failure)
    return task === null || record === null
      ? null
      : { task, record, links: [], committedUs: Number.NaN }
  }

  /** Of the result that a step has made. */
  #ofEmit({ lastEmit }: EventTracer): { cause: EventCause | null; ids: JsonObject } {
    const task = this.#tracing
    if (task === null || lastEmit === null) return { cause: null, ids: {} }
    const { traceId, spanId } = lastEmit
    const cause = { task, record: null, links: [{ traceId, spanId }], committedUs: Number.NaN }
    return { cause, ids: { trace_id: traceId, span_id: spanId } }
  }

  #hold(
    event: HookEventName,
    of: {
      readonly data: JsonObject
      readonly value: JsonValue
      readonly cause: EventCause | null
      readonly ids?: JsonObject
    },
  ): void {
    const data = of.ids === undefined ? of.data : { ...of.data, ...of.ids }
    this.#pending.push({ event: this.#make(event, data, of.value), cause: of.cause })
  }

  #make(event: HookEventName, data: JsonObject, value: JsonValue): HookEvent {
    return {
      event,
      pipeline: this.#pipeline,
      stage: this.#stage,
      timeMs: this.#clock.wallMs(),
      data,
      value,
    }
  }
}

function decodedIfPossible(text: string | null): JsonValue {
  try {
    return text === null ? null : decodeJson(text)
  } catch {
    return text
  }
}

/** Of a record that comes with a trace; making one for each of the others would cost too much. */
function carriedIds({ headerBytes }: StepRecord): JsonObject {
  const context = headerBytes.length === 0 ? null : traceContextOf(headerBytes)
  return context === null ? {} : { trace_id: context.traceId }
}

/** By which a record that is not traced is found: its dead letter carries the same trace. */
function untracedIds(tracer: EventTracer): JsonObject {
  const { traceId, processId } = tracer.untracedIds()
  return { trace_id: traceId, span_id: processId }
}

/** Those of the trace that is exported, and of the one that it does not go on with. */
function tracedIds({ traceId, processId, link }: TracedRecord): JsonObject {
  const ids = { trace_id: traceId, span_id: processId }
  if (link === null) return ids
  return { ...ids, linked_trace_id: link.traceId, linked_span_id: link.spanId }
}

function withIds(event: HookEvent, ids: JsonObject): HookEvent {
  return { ...event, data: { ...event.data, ...ids } }
}

function recordsByPlace(
  traces: SliceTraces | null,
): ReadonlyMap<number, ReadonlyMap<number, TracedRecord>> {
  const byPart = new Map<number, Map<number, TracedRecord>>()
  for (const record of traces?.records ?? []) {
    const ofPart = byPart.get(record.part) ?? new Map<number, TracedRecord>()
    byPart.set(record.part, ofPart.set(record.index, record))
  }
  return byPart
}

function placeOf(record: StepRecord): JsonObject {
  if (record.topic === null) return {}
  return { topic: record.topic, partition: record.partition, offset: record.offset }
}
