import type { RecordFailure } from '../core/errors.ts'
import { dispositions } from '../core/operator.ts'
import type {
  SliceTraces,
  StepAttempt,
  TracedEmit,
  TracedRecord,
  TracedSend,
  TraceReason,
} from '../core/telemetry.ts'
import { type TraceContext, traceContextOf, traceFlag } from '../core/trace-context.ts'
import { spanIdOf, traceIdOf } from '../core/trace-ids.ts'
import { RecordContexts } from './record-contexts.ts'
import { type RecordSubject, recordSpanId, type SeenRecord, tracedRecord } from './seen-record.ts'
import type { InputPart, StepEnvironment } from './slice.ts'
import { noTraces, spansBeforeSend, textOf, type TraceRequest } from './trace-request.ts'
import { type WindowContributors, WindowLinks } from './window-links.ts'

/** Results of one record that are part of its trace; a record that becomes more of them is no single thing. */
const maxFanOut = 64
/** A record that waited for longer begins a new trace, with a link: tools lose traces that go on for long. */
const maxTraceGapUs = 900_000_000
/** What a record takes that is traced and sent once. */
const leastSpans = spansBeforeSend + 1
const newFlags = traceFlag.sampled | traceFlag.random

/**
 * Decides, record by record, what of a slice is traced, and writes the contexts of results. All ids come
 * from where the record lies and when it came in. A record that has no headers and was not picked costs a
 * few comparisons.
 */
export class RecordTracer {
  readonly #environment: StepEnvironment
  readonly #windows: WindowLinks
  readonly #contexts: RecordContexts
  /** null: nothing is traced. */
  #request: TraceRequest | null = null
  #left = 0
  #faultsLeft = 0
  #slowWaitUs = Number.POSITIVE_INFINITY
  #slowRunUs = Number.POSITIVE_INFINITY
  /** Whether any record of the part may bring a context. */
  #hasHeaders = false
  #pickAt = 0
  #nextPick = Number.POSITIVE_INFINITY
  #traces = noTraces()
  #part: InputPart | null = null
  #partIndex = 0
  /** The place of a record is this and its index. */
  #base = 0
  #nextBase = 0
  readonly #bases: number[] = []
  #index = 0
  #startUs = 0
  /** Of a record that is at hand again. */
  #endUs = 0
  #state = ''
  #flags = 0
  #making: WindowContributors | null = null
  /** The record at hand, where an event is about it. */
  #seen: SeenRecord | null = null
  /** The trace of the last result that a step has made; null: it has none. */
  lastEmit: TracedEmit | null = null
  /** The record at hand, if it is traced. */
  current: TracedRecord | null = null
  /** What became of the record at hand, as an index of `dispositions`. */
  outcome = 0

  constructor(environment: StepEnvironment) {
    this.#environment = environment
    this.#contexts = new RecordContexts(environment)
    this.#windows = new WindowLinks(environment.taskId, environment.tracing.maxLinks)
  }

  begin(request: TraceRequest | null): void {
    this.#request = request
    this.#left = request?.budget ?? 0
    this.#faultsLeft = request?.faults ?? 0
    this.#slowWaitUs = request?.slowWaitUs ?? Number.POSITIVE_INFINITY
    this.#slowRunUs = request?.slowRunUs ?? Number.POSITIVE_INFINITY
    this.#endUs = 0
    this.#pickAt = 0
    this.#nextPick = request?.picks[0] ?? Number.POSITIVE_INFINITY
    this.#traces = noTraces()
    this.#nextBase = 0
    this.#bases.length = 0
    this.current = null
    this.#seen = null
    this.#making = null
  }

  /** null where nothing was to be traced. */
  take(): SliceTraces | null {
    this.current = null
    this.#making = null
    this.lastEmit = null
    return this.#request === null ? null : this.#traces
  }

  beginPart(partIndex: number, part: InputPart): void {
    this.#bases[partIndex] = this.#nextBase - part.from
    this.#nextBase += part.batch.count - part.from
    this.#usePart(partIndex, part)
  }

  #usePart(partIndex: number, part: InputPart): void {
    this.#hasHeaders = this.#request !== null && this.#contexts.usePart(part)
    this.#partIndex = partIndex
    this.#part = part
    this.#base = this.#bases[partIndex]!
  }

  /** Runs for every record: of one without headers that was not picked it keeps the place, no more. */
  beginRecord(index: number, startUs: number): void {
    this.current = null
    this.#seen = null
    this.#index = index
    this.#startUs = startUs
    if (this.#hasHeaders || this.#base + index >= this.#nextPick) this.#look(index)
  }

  #look(index: number): void {
    if (this.#request === null) return
    if (this.#left < leastSpans) {
      if (this.#contexts.claimsSampled(index)) this.#traces.leftOut += 1
      return
    }
    const isPicked = this.#isPicked(this.#base + index)
    const at = this.#contexts.find(index)
    const isSampled = this.#contexts.isSampled(at)
    if (!isSampled && !isPicked) return
    const context = at === -1 ? null : this.#contexts.read(index, at)
    if (context !== null && this.#contexts.isIgnored(context)) {
      if (isPicked) this.#start('head', null)
    } else if (isSampled) this.#start('parent', context)
    else if (context === null || this.#contexts.isForeign(context)) this.#start('head', context)
    // Else whoever began the trace has decided against it.
  }

  /** The steps of the record have ended; slow ones are traced from here on. Runs for every record. */
  endRecord(endUs: number, waitedUs: number): void {
    if (this.#seen !== null) this.#seen.endUs = endUs
    if (this.current === null) {
      if (waitedUs <= this.#slowWaitUs && endUs - this.#startUs <= this.#slowRunUs) return
      this.#fault('slow')
    }
    if (this.current === null) return
    this.current.startUs = this.#startUs
    this.current.endUs = endUs
    this.current.outcome = dispositions[this.outcome]!
  }

  /** The record at hand failed: it is traced from here on. */
  failed(failure: RecordFailure): void {
    if (this.#request === null) return
    if (this.current === null) this.#fault('error')
    if (this.current !== null) this.current.failure = this.#toldFailure(failure)
  }

  /** What became of the record at hand, which failed. */
  became(outcome: 'skipped' | 'dead_lettered'): void {
    this.outcome = dispositions.indexOf(outcome)
    if (this.current !== null) this.current.outcome = outcome
  }

  /** A record is at hand again after its slice was run. */
  reopen(
    traces: SliceTraces | null,
    at: { readonly partIndex: number; readonly part: InputPart; readonly index: number },
    times: { readonly startUs: number; readonly endUs: number },
  ): void {
    const { partIndex, part, index } = at
    this.#traces = traces ?? noTraces()
    this.#usePart(partIndex, part)
    this.#index = index
    this.#startUs = times.startUs
    this.#endUs = times.endUs
    this.#seen = null
    this.current =
      this.#traces.records.find((each) => each.part === partIndex && each.index === index) ?? null
    const context = this.current?.parentId == null ? null : this.#contexts.of(this.#index)
    this.#state = context?.state ?? ''
    this.#flags = (context?.flags ?? newFlags) | traceFlag.sampled
  }

  /** The record at hand was tried more than once. */
  retried(): void {
    if (this.current === null) this.#fault('retry')
  }

  /** Steps of the record at hand have called something outside. */
  called(attempts: readonly StepAttempt[]): void {
    if (this.current === null) return
    this.current.attempts = attempts
    this.#left -= attempts.length
  }

  /** The record at hand, for an event about it; null: nothing is traced. */
  seen(failure: RecordFailure | null): SeenRecord | null {
    if (this.#request === null) return null
    if (this.#seen === null) {
      const context = this.#hasHeaders ? this.#contexts.of(this.#index) : null
      this.#seen = this.#see(context)
    }
    this.#seen.outcome = dispositions[this.outcome]!
    if (failure !== null) this.#seen.failure = this.#toldFailure(failure)
    return this.#seen
  }

  /** Under what the record at hand is found where it is not traced: its dead letter has the same trace. */
  untracedIds(): { readonly traceId: string; readonly processId: string } {
    const traceId = this.#carriedContext()?.traceId ?? this.#newTraceId()
    return { traceId, processId: this.#spanId(traceId, 'process') }
  }

  /**
   * The context for what the record at hand becomes next, to be written in place of its own; null: its headers
   * stay as they are. A dead letter has the id of a trace also where its record is not traced.
   */
  contextFor(kind: TracedSend['kind']): TraceContext | null {
    if (this.current === null) return kind === 'dead_letter' ? this.#untracedContext() : null
    const { traceId, sends } = this.current
    if (kind === 'result' && sends.length >= maxFanOut) return null
    return {
      traceId,
      spanId: this.#spanId(traceId, kind, sends.length),
      flags: this.#flags,
      state: this.#contexts.sentState(this.#state),
    }
  }

  /** The record at hand was sent, under the context that was made for that. */
  sent({ spanId }: TraceContext, topic: string | null, kind: TracedSend['kind']): void {
    if (this.current === null) return
    this.#left -= 1
    ;(this.current.sends as TracedSend[]).push({ spanId, topic, kind })
  }

  /** The record at hand lives on under this key of a step. */
  absorbed(step: string, key: string): void {
    const { current } = this
    if (current === null) return
    const { traceId, processId, topic, partition, offset } = current
    const link = { traceId, spanId: processId, topic, partition, offset }
    ;(current.windows as string[]).push(this.#windows.add(step, key, link))
  }

  /** A step makes a result of what it has under this key. */
  making(step: string, key: string): void {
    this.#making = this.#windows.take(step, key)
    this.lastEmit = null
  }

  /** The trace of the result that a step makes; null where it has none. */
  emitOf(made: {
    readonly topic: string | null
    readonly key: string | Uint8Array | null
    readonly value: string | Uint8Array | null
    readonly eventTimeMs: number
    readonly startUs: number
    readonly failure: RecordFailure | null
  }): TracedEmit | null {
    const making = this.#making
    if (making === null || this.#request === null) return null
    if (this.#left <= 0) {
      this.#traces.leftOut += 1
      return null
    }
    const { topic, eventTimeMs, startUs, failure } = made
    const { window, links, count } = making
    const traceId = traceIdOf('emit', window, eventTimeMs, textOf(made.key), textOf(made.value))
    return {
      traceId,
      spanId: spanIdOf(traceId, 'emit', this.#environment.taskId),
      window,
      eventTimeMs,
      topic,
      links,
      leftOut: count - links.length,
      startUs,
      failure: failure === null ? null : this.#toldFailure(failure),
    }
  }

  emitContext({ traceId, spanId }: TracedEmit): TraceContext {
    return { traceId, spanId, flags: newFlags, state: this.#contexts.sentState('') }
  }

  /** The result was sent. */
  emitted(emit: TracedEmit): void {
    this.#left -= 1
    this.#traces.emits.push(emit)
    this.lastEmit = emit
  }

  #isPicked(place: number): boolean {
    if (place < this.#nextPick) return false
    // A pick may have fallen on a marker, which is no record.
    const { picks } = this.#request!
    const isPicked = place === this.#nextPick
    while ((picks[this.#pickAt] ?? Number.POSITIVE_INFINITY) <= place) this.#pickAt += 1
    this.#nextPick = picks[this.#pickAt] ?? Number.POSITIVE_INFINITY
    return isPicked
  }

  #fault(reason: TraceReason): void {
    if (this.#faultsLeft <= 0 || this.#left < leastSpans) return
    this.#faultsLeft -= 1
    this.#start(reason, this.#contexts.of(this.#index))
  }

  #start(reason: TraceReason, context: TraceContext | null): void {
    this.#left -= spansBeforeSend
    const seen = this.#see(context)
    const isContinued = context !== null && !seen.breaks
    this.#state = isContinued ? context.state : ''
    this.#flags = traceFlag.sampled | (isContinued ? context.flags : newFlags)
    this.current = tracedRecord(seen, reason)
    this.#traces.records.push(this.current)
  }

  #see(context: TraceContext | null): SeenRecord {
    const { topic, partition } = this.#part!.origin
    const offset = this.#offset()
    const queuedUs = this.#queuedUs()
    return {
      subject: this.#subject(),
      node: this.#environment.node.id,
      part: this.#partIndex,
      index: this.#index,
      topic,
      partition,
      offset: offset === null ? null : Number(offset),
      context,
      breaks: context !== null && this.#breaks(context, queuedUs),
      queuedUs,
      startUs: this.#startUs,
      endUs: this.#endUs,
      outcome: 'emitted',
      failure: null,
      traced: null,
    }
  }

  #breaks(context: TraceContext, queuedUs: number): boolean {
    return this.#startUs - queuedUs > maxTraceGapUs || this.#contexts.isForeign(context)
  }

  /** null where the record has a context, which then says enough. */
  #untracedContext(): TraceContext | null {
    if (this.#carriedContext() !== null) return null
    const traceId = this.#newTraceId()
    const spanId = this.#spanId(traceId, 'dead_letter')
    return { traceId, spanId, flags: traceFlag.random, state: '' }
  }

  /** The one in the headers of the record, from wherever. */
  #carriedContext(): TraceContext | null {
    return traceContextOf(this.#part!.batch.headerBytes(this.#index))
  }

  #newTraceId(): string {
    return traceIdOf(...this.#subject())
  }

  #spanId(traceId: string, kind: string, index = 0): string {
    const { id: node } = this.#environment.node
    return recordSpanId(traceId, kind, { subject: this.#subject(), node, index })
  }

  /** What no other record has in common with the one at hand. */
  #subject(): RecordSubject {
    const { batch, origin } = this.#part!
    const ingestUs = batch.ingestUs[this.#index]!
    if (origin.topic !== null) return [origin.topic, origin.partition, this.#offset()!, ingestUs]
    return [this.#environment.taskId, this.#base + this.#index, ingestUs]
  }

  #offset(): bigint | null {
    const { batch, origin } = this.#part!
    if (origin.topic === null) return null
    return origin.baseOffset + BigInt(batch.offsetDelta[this.#index]!)
  }

  #queuedUs(): number {
    const { batch, visibleUs } = this.#part!
    const index = this.#index
    const leftUs = batch.ingestUs[index]! + batch.waitUs[index]! + batch.runUs[index]!
    return visibleUs > leftUs ? visibleUs : leftUs
  }

  #toldFailure({ code, message }: RecordFailure): { code: string; message: string } {
    return { code, message: this.#environment.mask(message).slice(0, maxMessageLength) }
  }
}

const maxMessageLength = 1_000
