import type { Clock } from '../core/clock.ts'
import type { RecordFailure } from '../core/errors.ts'
import type { HookEvent, HookEventName } from '../core/hook.ts'
import { decodeJson, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Disposition } from '../core/operator.ts'
import type { StepRecord } from '../core/step-record.ts'
import type { SliceTraces, SpanPlace, TracedRecord } from '../core/telemetry.ts'
import { traceContextOf } from '../core/trace-context.ts'
import type { EventWriter } from './event-writer.ts'
import type { HeldEvent, HeldEventCommits } from './held-event.ts'
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

/** Who knows what the record at hand is traced by. */
export interface EventTracer {
  /** null: nothing is traced. */
  seen(failure: RecordFailure | null): SeenRecord | null
  /** Under what it is found where it is not traced. */
  untracedIds(): { readonly traceId: string; readonly processId: string }
  /** Of the last result that a step has made; null: it has no trace. */
  readonly lastEmit: SpanPlace | null
}

export interface TaskEventsOptions {
  readonly runner: HookRunner
  readonly clock: Clock
  readonly pipeline: string
  readonly stage: string
  /** Absent or null: nothing is traced. */
  readonly tracing?: TracedTask | null
  /** The id of the task; that of the stage if left out. */
  readonly task?: string
  /** Tells this run of the task from every other one. */
  readonly run?: string
  /** Absent or null: the stage has no reliable hook. */
  readonly writer?: EventWriter | null
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
  readonly #task: string
  readonly #run: string
  #pending: HeldEvent[] = []
  #made = 0
  /** Whether the stage has any listener. */
  readonly areWanted: boolean
  /** Makes records of what reliable hooks listen to; null: the stage has none. */
  readonly writer: EventWriter | null
  /** Commits what has no record as its cause; null until the task is open. */
  commits: HeldEventCommits | null = null

  constructor(options: TaskEventsOptions) {
    this.#runner = options.runner
    this.#task = options.task ?? options.stage
    this.#run = options.run ?? ''
    this.writer = options.writer ?? null
    this.areWanted = options.runner.hasListeners || this.writer !== null
    this.#clock = options.clock
    this.#pipeline = options.pipeline
    this.#stage = options.stage
    this.#tracing = options.tracing ?? null
  }

  wants(event: HookEventName): boolean {
    return this.#runner.wants(event) || this.writer?.wants(event) === true
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
    this.#hold(event, { data, value, cause: this.#causeOf(tracer, null), record })
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
    const of = { data, value, cause: this.#causeOf(tracer, failure), record }
    if (this.wants('record_failed')) this.#hold('record_failed', of)
    if (deadLettered && this.wants('record_dead_lettered')) this.#hold('record_dead_lettered', of)
  }

  /** What the commit of the slice has made true, in order. */
  take(): HeldEvent[] {
    const pending = this.#pending
    this.#pending = []
    return pending
  }

  /**
   * The same events with the ids of what they are about.
   * @param traces what was traced of the slice; null: nothing.
   */
  traced(events: readonly HeldEvent[], traces: SliceTraces | null): readonly HeldEvent[] {
    if (events.length === 0 || traces === null) return events
    const records = recordsByPlace(traces)
    return events.map((held) => {
      const record = held.cause?.record ?? null
      if (record === null) return held
      record.traced ??= records.get(record.part)?.get(record.index) ?? null
      return record.traced === null
        ? held
        : { ...held, event: withIds(held.event, tracedIds(record.traced)) }
    })
  }

  /** Tells what has been committed to those who listen as it happens. @param events as `traced`. */
  publishAll(events: readonly HeldEvent[], committedUs: number): void {
    for (const { event, cause } of events) {
      if (cause !== null) cause.committedUs = committedUs
      this.#runner.publish(event, cause)
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
    const told = this.#make(event, { data, value: null })
    this.#runner.publish(told, cause)
    if (this.writer?.wants(event) === true) this.commits?.add({ event: told, cause: null })
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
      /** What it is about, where that came in and was not made by a step. */
      readonly record?: StepRecord
    },
  ): void {
    const data = of.ids === undefined ? of.data : { ...of.data, ...of.ids }
    this.#pending.push({ event: this.#make(event, { ...of, data }), cause: of.cause })
  }

  #make(
    event: HookEventName,
    { data, value, record }: { data: JsonObject; value: JsonValue; record?: StepRecord },
  ): HookEvent {
    return {
      id: this.#idOf(event, record),
      event,
      pipeline: this.#pipeline,
      stage: this.#stage,
      timeMs: this.#clock.wallMs(),
      data,
      value,
    }
  }

  /**
   * A record that is worked on once more tells its events under the same ids, also in a run that was begun
   * anew: its ingest time tells it from one that had its place before. What has no place is told in commits
   * that happen exactly once, and needs to differ from others only.
   */
  #idOf(event: HookEventName, record: StepRecord | undefined): string {
    if (record?.topic == null) {
      this.#made += 1
      return `${this.#task}:${event}:${this.#run}-${this.#made}`
    }
    const { topic, partition, offset, ingestUs } = record
    return `${this.#node}:${event}:${topic}/${partition}/${offset}@${ingestUs}`
  }

  /** Which of the tasks worked on a record is of no meaning. */
  get #node(): string {
    const end = this.#task.lastIndexOf('/')
    return end === -1 ? this.#task : this.#task.slice(0, end)
  }
}

/** Without those of records that a sink refused after their steps had ended well: they were not processed. */
export function withoutRefused(
  caused: readonly HeldEvent[],
  refused: readonly RecordPlace[],
): readonly HeldEvent[] {
  if (refused.length === 0) return caused
  const places = new Set(refused.map(placeText))
  return caused.filter(
    ({ event: { event, data } }) => event !== 'record_processed' || !places.has(placeText(data)),
  )
}

/** Of a record in a topic. */
export interface RecordPlace {
  readonly topic?: JsonValue
  readonly partition?: JsonValue
  readonly offset?: JsonValue
}

function placeText({ topic, partition, offset }: RecordPlace): string {
  return JSON.stringify([topic, partition, offset])
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
