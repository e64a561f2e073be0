import type { Clock } from '../core/clock.ts'
import type { RecordFailure } from '../core/errors.ts'
import type { HookEvent, HookEventName } from '../core/hook.ts'
import { decodeJson, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Disposition } from '../core/operator.ts'
import type { StepRecord } from '../core/step-record.ts'
import { traceContextOf } from '../core/trace-context.ts'
import { spanIdOf, traceIdOf } from '../core/trace-ids.ts'
import type { HookRunner } from './hook-runner.ts'

const eventOf: Readonly<Partial<Record<Disposition, HookEventName>>> = {
  emitted: 'record_processed',
  absorbed: 'record_processed',
  filtered: 'record_filtered',
  deduplicated: 'record_filtered',
  skipped: 'record_filtered',
  late: 'record_late',
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
  readonly #node: string
  #pending: HookEvent[] = []
  /** Whether the stage has any listener. */
  readonly areWanted: boolean

  /** @param options.node the part of the stage, for ids of spans; by default the stage is one. */
  constructor(options: {
    runner: HookRunner
    clock: Clock
    pipeline: string
    stage: string
    node?: string
  }) {
    this.#runner = options.runner
    this.areWanted = options.runner.hasListeners
    this.#clock = options.clock
    this.#pipeline = options.pipeline
    this.#stage = options.stage
    this.#node = options.node ?? options.stage
  }

  wants(event: HookEventName): boolean {
    return this.#runner.wants(event)
  }

  /** @param isDecoded whether the stage has read the record's value; else it is read for the event. */
  record(disposition: Disposition, record: StepRecord, isDecoded: boolean): void {
    const event = eventOf[disposition]
    if (event === undefined || !this.wants(event)) return
    const value = isDecoded ? record.value : decodedIfPossible(record.valueText)
    const ids = event === 'record_late' ? this.#idsOf(record) : carriedIds(record)
    this.#hold(event, { disposition, ...placeOf(record), ...ids }, value)
  }

  windowClosed(record: StepRecord): void {
    if (this.wants('window_closed')) this.#hold('window_closed', { key: record.key }, record.value)
  }

  /** A record that a step made failed: it has no place in a topic. */
  madeFailed(
    made: { key: string | null; valueText: string },
    failure: RecordFailure,
    how: { deadLettered: boolean },
  ): void {
    const { code, message, step } = failure
    const data = { code, message, step, key: made.key }
    if (this.wants('record_failed'))
      this.#hold('record_failed', data, decodedIfPossible(made.valueText))
    if (how.deadLettered && this.wants('record_dead_lettered')) {
      this.#hold('record_dead_lettered', data, decodedIfPossible(made.valueText))
    }
  }

  failed(record: StepRecord, failure: RecordFailure, how: { deadLettered: boolean }): void {
    if (!this.wants('record_failed') && !this.wants('record_dead_lettered')) return
    const data = {
      code: failure.code,
      message: failure.message,
      step: failure.step,
      ...placeOf(record),
      ...this.#idsOf(record),
    }
    const value = decodedIfPossible(record.valueText)
    if (this.wants('record_failed')) this.#hold('record_failed', data, value)
    if (how.deadLettered && this.wants('record_dead_lettered'))
      this.#hold('record_dead_lettered', data, value)
  }

  /** What the commit of the slice has made true, in order. */
  take(): HookEvent[] {
    const pending = this.#pending
    this.#pending = []
    return pending
  }

  publishAll(events: readonly HookEvent[]): void {
    for (const event of events) this.#runner.publish(event)
  }

  /** For an event that has no record as its cause. */
  publish(event: HookEventName, data: JsonObject): void {
    if (this.wants(event)) this.#runner.publish(this.#make(event, data, null))
  }

  /**
   * By which the record is found in logs and traces: its trace, or the one that it gets when it is traced
   * from here on, and the span of this stage.
   */
  #idsOf(record: StepRecord): JsonObject {
    const { topic, partition, offset, ingestUs } = record
    if (topic === null || offset === null || ingestUs === null) return carriedIds(record)
    const subject = [topic, partition, offset, ingestUs] as const
    const traceId = traceContextOf(record.headerBytes)?.traceId ?? traceIdOf(...subject)
    const spanId = spanIdOf(traceId, 'process', 0, this.#node, ...subject)
    return { trace_id: traceId, span_id: spanId }
  }

  #hold(event: HookEventName, data: JsonObject, value: JsonValue): void {
    this.#pending.push(this.#make(event, data, value))
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

function placeOf(record: StepRecord): JsonObject {
  if (record.topic === null) return {}
  return { topic: record.topic, partition: record.partition, offset: record.offset }
}
