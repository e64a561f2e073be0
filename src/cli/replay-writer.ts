import type { Clock } from '../core/clock.ts'
import { PipelineError } from '../core/errors.ts'
import type { StateChange } from '../core/log.ts'
import { RecordBatchBuilder } from '../core/record-batch-builder.ts'
import { replayTask, withReplay } from '../core/replay-header.ts'
import type { SpanReserve, TracedReplay, Tracing } from '../core/telemetry.ts'
import { traceContextOf, traceFlag, withTraceContext } from '../core/trace-context.ts'
import { spanIdOf, traceIdOf } from '../core/trace-ids.ts'
import type { WritingTask } from './control-client.ts'
import { ownHeadersOf, type ReplayedLetter } from './replay-letter.ts'
import { placeKey } from './replay-selection.ts'
import type { ReplayPlace, ReplayStage } from './replay-stage.ts'

/** The step under which it is kept what was written back. */
const replayedStep = '$replayed'

export interface ReplayWriterOptions {
  readonly stage: ReplayStage
  readonly task: WritingTask
  readonly clock: Clock
  /** null: nobody wants spans. */
  readonly tracing: Tracing | null
}

/** Writes dead letters of one stage back, with a note of each in the same commit. */
export class ReplayWriter {
  readonly replayed = new Set<string>()
  readonly #options: ReplayWriterOptions
  readonly #batches = new Map<string, ReplayPlace & { readonly builder: RecordBatchBuilder }>()
  #state: StateChange[] = []
  #spans: Omit<TracedReplay, 'endUs'>[] = []
  #reserve: SpanReserve | null = null

  constructor(options: ReplayWriterOptions) {
    this.#options = options
  }

  /** Learns what was written back before; what is no dead letter any more is forgotten with the next commit. */
  async open(isThere: (key: string) => boolean): Promise<void> {
    for (const { step, key, value } of await this.#options.task.restore()) {
      if (step !== replayedStep || value === null) continue
      if (isThere(key)) this.replayed.add(key)
      else this.#state.push(noteOf(key, null))
    }
  }

  /** Bytes that wait to be committed. */
  get pendingBytes(): number {
    let bytes = 0
    for (const { builder } of this.#batches.values()) bytes += builder.dataBytes
    return bytes
  }

  add(letter: ReplayedLetter, place: ReplayPlace): void {
    const { clock, stage } = this.#options
    const { batch } = letter.slice
    const nowUs = clock.monotonicUs()
    const attempt = letter.replays + 1
    const traced = this.#traced(letter, place, nowUs)
    const { origin } = letter
    const headers = place.counts ? withReplay(traced, { attempt, origin }) : traced
    const eventTimeMs = batch.eventTimeMs[letter.index]!
    const builder = this.#builderOf(place, replayTask(stage.group))
    builder.append({
      key: letter.key,
      value: batch.value(letter.index),
      headers,
      times: {
        // It begins anew, and is kept as long as other new records; what happened when stays.
        timestampMs: clock.wallMs(),
        eventTimeMs: Number.isNaN(eventTimeMs) ? batch.timestampMs[letter.index]! : eventTimeMs,
        ingestUs: nowUs,
        waitUs: 0,
        runUs: 0,
      },
    })
    this.#state.push(noteOf(placeKey(letter), String(attempt)))
  }

  /** @throws PipelineError LOG_FENCED when another command writes the same dead letters back. */
  async commit(): Promise<void> {
    const { task, tracing, clock } = this.#options
    const outputs = [...this.#batches.values()].map(({ topic, partition, builder }) => ({
      topic,
      partition,
      batch: builder.finish(),
    }))
    const state = this.#state
    this.#batches.clear()
    this.#state = []
    if (outputs.length > 0 || state.length > 0) {
      try {
        await task.commit({ outputs, state, next: [] })
      } catch (thrown) {
        throw thrown instanceof PipelineError && thrown.code === 'LOG_FENCED' ? takenOver() : thrown
      }
    }
    for (const { key, value } of state) if (value !== null) this.replayed.add(key)
    const endUs = clock.monotonicUs()
    for (const span of this.#spans) tracing?.replayed({ ...span, endUs })
    if (this.#reserve !== null) tracing?.settle(this.#reserve, this.#spans.length)
    this.#spans = []
    this.#reserve = null
  }

  async close(): Promise<void> {
    await this.#options.task.close()
  }

  #builderOf(place: ReplayPlace, writer: string): RecordBatchBuilder {
    const key = `${place.topic}/${place.partition}`
    const known = this.#batches.get(key)
    if (known !== undefined) return known.builder
    const builder = new RecordBatchBuilder(writer)
    this.#batches.set(key, { ...place, builder })
    return builder
  }

  /** The record's headers; as far as the limit of spans goes, with a trace that begins here. */
  #traced(letter: ReplayedLetter, place: ReplayPlace, nowUs: number): Uint8Array {
    const headers = ownHeadersOf(letter)
    const { tracing, stage } = this.#options
    if (tracing === null) return headers
    this.#reserve ??= tracing.reserve(nowUs)
    if (this.#spans.length >= this.#reserve.spans) {
      tracing.leftOut(1)
      return headers
    }
    const before = traceContextOf(headers)
    const attempt = letter.replays + 1
    const traceId = traceIdOf('replay', placeKey(letter), attempt)
    const spanId = spanIdOf(traceId, 'replay')
    this.#spans.push({
      traceId,
      spanId,
      link: before === null ? null : { traceId: before.traceId, spanId: before.spanId },
      pipeline: stage.pipeline,
      stage: stage.stage,
      topic: place.topic,
      partition: place.partition,
      letter: placeKey(letter),
      code: letter.code,
      attempt,
      startUs: nowUs,
    })
    const flags = traceFlag.sampled | traceFlag.random
    return withTraceContext(headers, { traceId, spanId, flags, state: before?.state ?? '' })
  }
}

function noteOf(key: string, value: string | null): StateChange {
  return { step: replayedStep, key, value, dueMs: null }
}

function takenOver(): PipelineError {
  return new PipelineError(
    'LOG_FENCED',
    'another `dlq replay` of this stage has taken over; what was written back until then is not written again',
  )
}
