import type { Clock } from '../core/clock.ts'
import { invariant, RecordFailure } from '../core/errors.ts'
import type { StateChange, TaskCommit } from '../core/log.ts'
import { dispositions, type Disposition } from '../core/operator.ts'
import type { RecordBatch } from '../core/record-batch.ts'
import { StepRecord } from '../core/step-record.ts'
import type { StageNode } from '../topology/topology.ts'
import { eventTimeOf } from './event-time.ts'
import type { PreparedRecord, PreparedSlice } from './prepared-record.ts'
import { RecordDecoder } from './record-decoder.ts'
import { RecordLimits } from './record-limits.ts'
import { RecordTracer } from './record-tracer.ts'
import { SliceStats } from './slice-stats.ts'
import { recordsBefore, type InputPart, type StepEnvironment, type StepResult } from './slice.ts'
import { StageOutput } from './stage-output.ts'
import { type KeptState, StepChain } from './step-chain.ts'
import { stoppedBy } from './stopped-by.ts'
import { withStoredSource } from './stored-source.ts'
import type { TaskEvents } from './task-events.ts'
import type { TraceRequest } from './trace-request.ts'
import type { WatermarkTracker, WriterProgress } from './watermark.ts'

const watermarkStep = '$watermark'
/** Of the records of a batch that was tried again. */
const maxTracedRetries = 4
/** How far each of several writers is, by input and writer. */
const writersStep = '$writers'

/**
 * The step of a task: state and records in, outputs and state changes out, nothing else touched. It
 * reads the clock once for each slice: for the timing of records, and for steps that wait for it.
 */
export class SliceStep {
  /** Set by whoever knows the log; a record that is larger fails. */
  readonly limits = new RecordLimits()
  readonly #node: StageNode
  readonly #clock: Clock
  readonly #events: TaskEvents
  readonly #tracker: WatermarkTracker
  readonly #chain: StepChain
  readonly #tracer: RecordTracer
  /** What events need to know beside the record. */
  readonly #told: { readonly isDecoded: boolean; readonly tracer: RecordTracer }
  #trace: TraceRequest | null = null
  readonly #output: StageOutput
  readonly #record = new StepRecord()
  readonly #decoder: RecordDecoder
  readonly #tellsSource: boolean
  #progress: WriterProgress | null = null
  #prepared: PreparedSlice | null = null
  #timestampMs = 0
  #stats = new SliceStats(0)
  #storedWatermarkMs = Number.NEGATIVE_INFINITY

  constructor(environment: StepEnvironment) {
    const { node, clock, tracker } = environment
    this.#node = node
    this.#clock = clock
    this.#tracker = tracker
    this.#events = environment.events
    this.#tellsSource = node.input.kind === 'topics' && node.input.tellsSource === true
    this.#decoder = new RecordDecoder(node)
    this.#tracer = new RecordTracer(environment)
    this.#told = { isDecoded: node.decode !== 'none', tracer: this.#tracer }
    this.#output = new StageOutput(environment, { tracer: this.#tracer, limits: this.limits })
    this.#chain = new StepChain(node, this.#output, (record) => this.#determineEventTime(record))
  }

  get flushEveryMs(): number | null {
    return this.#chain.flushEveryMs
  }

  /** Takes back what the last commit kept. State of steps that are no longer there is left alone. */
  restore(changes: readonly StateChange[]): void {
    const states = new Map(this.#chain.states.map(({ id, state }) => [id, state]))
    for (const change of changes) {
      if (change.step === watermarkStep && change.value !== null) {
        this.#storedWatermarkMs = Number(change.value)
        this.#tracker.raise(this.#storedWatermarkMs)
      } else if (change.step === writersStep && change.value !== null) {
        this.#tracker.restore(change.key, change.value)
      } else states.get(change.step)?.restore(change)
    }
    this.#chain.watermarkMs = this.#tracker.watermarkMs
  }

  /** What is to be traced of the next slice, flush, advance or finish; nothing where it is not called. */
  traceNext(request: TraceRequest | null): void {
    this.#trace = request
  }

  /** @param prepared of a node with steps that wait for something outside: what has come of these. */
  run(
    read: readonly InputPart[],
    pulledUs: number,
    prepared: PreparedSlice | null = null,
  ): StepResult {
    this.#prepared = prepared
    const parts = this.#tellsSource ? read.map(withStoredSource) : read
    const records = parts.reduce((sum, { batch, from }) => sum + batch.count - from, 0)
    this.#begin(records, pulledUs)
    this.#output.isSilent = false
    let startUs = this.#clock.monotonicUs()
    for (const [index, part] of parts.entries()) {
      this.#progress = this.#tracker.progressOf(part.input, part.batch.writer)
      this.#progress.heardUs = pulledUs
      this.#output.beginPart(index, part)
      this.#tracer.beginPart(index, part)
      if (part.replays !== undefined) this.#stats.replayed += part.batch.count - part.from
      startUs = this.#runPart(part, { startUs, pulledUs, index })
    }
    return this.#take()
  }

  /** Emits what operators hold back for their flush interval. */
  flush(): StepResult {
    this.#begin(0, this.#clock.monotonicUs())
    this.#chain.flush()
    return this.#take()
  }

  /** Does what the wall clock has made due, or some of it where that is much. */
  wake(): StepResult {
    this.#begin(0, this.#clock.monotonicUs())
    this.#chain.wake()
    return this.#take()
  }

  /** What it waits for. */
  get timers(): Pick<StepChain, 'nextWakeMs' | 'isFull'> {
    return this.#chain
  }

  /** Takes note that the tracker was told of writers that have gone silent; of all of them, perhaps. */
  advance(options: { isSilent: boolean }): StepResult {
    this.#begin(0, this.#clock.monotonicUs())
    this.#output.isSilent = options.isSilent
    this.#watermarkRose()
    return this.#take()
  }

  /** The bounded input has ended: all that is held back comes out. */
  finish(): StepResult {
    this.#begin(0, this.#clock.monotonicUs())
    const movedMs = this.#chain.finish()
    if (movedMs !== null) this.#tracker.raise(movedMs)
    this.#chain.watermarkMs = this.#tracker.watermarkMs
    this.#output.isSilent = true
    return this.#take()
  }

  /** What the steps keep between records; null: nothing. */
  get kept(): KeptState | null {
    return this.#chain.kept
  }

  /** The watermark of the task, epoch ms. */
  get watermarkMs(): number {
    return this.#tracker.watermarkMs
  }

  /** The records that a sink refused become dead letters, or whatever `on_error` says. */
  refused(
    result: StepResult,
    parts: readonly InputPart[],
    failures: readonly { index: number; failure: RecordFailure }[],
  ): TaskCommit['outputs'] {
    this.#stats = result.stats
    const failed = new Set<string>()
    for (const { index, failure } of failures) {
      const part = parts[result.sinkBatch!.part[index]!]
      if (part === undefined) {
        const valueText = result.sinkBatch!.batch.valueText(index) ?? 'null'
        this.#output.madeFailed(
          { key: result.sinkBatch!.batch.keyText(index), valueText, eventTimeMs: Number.NaN },
          failure,
        )
        continue
      }
      const inputIndex = result.sinkBatch!.index[index]!
      const input = `${result.sinkBatch!.part[index]}/${inputIndex}`
      // Of a record with several results more than one may be refused: it fails once.
      if (failed.has(input)) continue
      failed.add(input)
      this.#record.moveTo(part.batch, inputIndex, part.origin)
      this.#output.beginPart(result.sinkBatch!.part[index]!, part)
      this.#output.beginRecord(inputIndex)
      this.#reopen(result, parts, { part: result.sinkBatch!.part[index]!, index: inputIndex })
      this.#count('emitted', -1)
      this.#fail(failure)
    }
    return this.#output.takeAside()
  }

  /** The sink took the results at a second attempt or later: a few of the records are traced for that. */
  retried({ sinkBatch, ...result }: StepResult, parts: readonly InputPart[]): void {
    for (let at = 0; at < Math.min(maxTracedRetries, sinkBatch?.batch.count ?? 0); at++) {
      const part = sinkBatch!.part[at]!
      if (part === -1) continue
      this.#reopen(result, parts, { part, index: sinkBatch!.index[at]! })
      this.#tracer.retried()
    }
  }

  #reopen(
    { stats, traces }: Pick<StepResult, 'stats' | 'traces'>,
    parts: readonly InputPart[],
    place: { part: number; index: number },
  ): void {
    const at = { partIndex: place.part, part: parts[place.part]!, index: place.index }
    const record = recordsBefore(parts, place)
    const endUs = stats.endUs[record]!
    this.#tracer.reopen(traces, at, { startUs: endUs - stats.runUs[record]!, endUs })
  }

  #begin(records: number, nowUs: number): void {
    this.#tracer.begin(this.#trace)
    this.#trace = null
    this.#stats = new SliceStats(records)
    this.#chain.nowMs = this.#clock.wallMs()
    this.#output.begin({ stats: this.#stats, nowUs, nowMs: this.#chain.nowMs })
  }

  #take(): StepResult {
    const { watermarkMs } = this.#tracker
    this.#output.writeMarkers(watermarkMs)
    this.#stats.drops = this.#chain.takeDrops()
    const state = this.#chain.states.flatMap((link) => link.state.takeChanges())
    if (this.#node.hasState && watermarkMs > this.#storedWatermarkMs) {
      this.#storedWatermarkMs = watermarkMs
      state.push({ step: watermarkStep, key: '', value: String(watermarkMs), dueMs: null })
    }
    if (this.#node.hasState) {
      for (const { key, value } of this.#tracker.takeChanges())
        state.push({ step: writersStep, key, value, dueMs: null })
    }
    const traces = this.#tracer.take()
    return { ...this.#output.take(), state, stats: this.#stats, traces }
  }

  /** Returns when the last record's steps ended. */
  #runPart(part: InputPart, times: { startUs: number; pulledUs: number; index: number }): number {
    const { batch } = part
    const prepared = this.#prepared?.[times.index] ?? null
    const visibleKnown = !Number.isNaN(part.visibleUs)
    const isJoined = !visibleKnown && batch.writer !== ''
    let { startUs } = times
    for (let index = part.from; index < batch.count; index++) {
      if (batch.isMarker(index)) {
        this.#readMarker(batch, index)
        continue
      }
      this.#timestampMs = batch.timestampMs[index]!
      const ahead = prepared === null ? undefined : prepared[index]
      const beganUs = ahead === undefined || Number.isNaN(ahead.startUs) ? startUs : ahead.startUs
      this.#output.beginRecord(index)
      this.#tracer.beginRecord(index, beganUs)
      this.#record.moveTo(batch, index, part.origin)
      this.#runRecord(part, index, ahead)
      const endUs = this.#clock.monotonicUs()
      // What it waited for since it began: for the peer, and for other records of the slice.
      const heldUs = ahead === undefined ? 0 : startUs - beganUs - ahead.runUs
      const runUs = endUs - beganUs - heldUs
      const leftUs = batch.ingestUs[index]! + batch.waitUs[index]! + batch.runUs[index]!
      const queuedFromUs = visibleKnown ? Math.max(part.visibleUs, leftUs) : leftUs
      if (ahead !== undefined) this.#tellAhead(ahead)
      this.#tracer.endRecord(endUs, beganUs - queuedFromUs)
      this.#output.flushRecord({ waitUs: endUs - runUs - leftUs, runUs })
      if (queuedFromUs > times.pulledUs) this.#stats.addSkewed(queuedFromUs - times.pulledUs)
      this.#stats.queueUs += times.pulledUs - queuedFromUs
      this.#stats.batchUs += beganUs - times.pulledUs + heldUs - (ahead?.backoffUs ?? 0)
      this.#stats.bytes += batch.sizeBytes(index)
      if (isJoined) this.#stats.joined += 1
      this.#stats.addRecord(endUs - runUs - queuedFromUs, runUs, endUs)
      startUs = endUs
    }
    return startUs
  }

  /** Its calls and the time between them. */
  #tellAhead({ backoffUs, runUs, attempts, isRetried }: PreparedRecord): void {
    this.#stats.calledUs += runUs
    this.#stats.backoffUs += backoffUs
    if (isRetried) this.#tracer.retried()
    if (attempts.length > 0) this.#tracer.called(attempts)
  }

  #runRecord(part: InputPart, index: number, ahead: PreparedRecord | undefined): void {
    const refusedBySource = part.failures.size === 0 ? undefined : part.failures.get(index)
    if (refusedBySource !== undefined) {
      this.#fail(refusedBySource)
      return
    }
    try {
      if (ahead === undefined) {
        this.#decode()
        this.#chain.process(this.#record)
      } else this.#processAhead(ahead)
      this.#accept()
    } catch (thrown) {
      this.#chain.rollBackState()
      this.#output.dropRecord()
      this.#fail(this.#chain.failureOf(thrown))
    }
  }

  #processAhead({ failure, drops, values }: PreparedRecord): void {
    this.#chain.begin()
    this.#output.spliced = null
    if (failure !== null) throw failure
    for (const { reason, step } of drops) this.#chain.drop(reason, step)
    for (const value of values) {
      this.#record.value = value
      this.#chain.accept(this.#record)
    }
  }

  #decode(): void {
    this.#chain.currentStep = null
    this.#output.spliced = null
    this.#output.spliced = this.#decoder.decode(this.#record)
  }

  #accept(): void {
    const { outcome } = this.#chain
    invariant(
      outcome !== 0,
      `a step of the stage "${this.#node.stage}" neither emitted nor dropped a record`,
    )
    this.#chain.acceptState()
    const index = 31 - Math.clz32(outcome & -outcome)
    this.#tracer.outcome = index
    this.#stats.dispositions[index]! += 1
    if (!this.#events.areWanted) return
    this.#events.record(dispositions[index]!, this.#record, this.#told)
  }

  #count(disposition: Disposition, by: number): void {
    this.#stats.dispositions[dispositions.indexOf(disposition)]! += by
  }

  #fail(failure: RecordFailure): void {
    const { onError } = this.#node.settings
    if (onError === 'stop') throw stoppedBy(failure, this.#node.stage)
    this.#stats.addFailure(failure.code)
    this.#tracer.failed(failure)
    const deadLettered = onError === 'dlq' && this.#output.deadLetter(this.#record, failure)
    const disposition = deadLettered ? 'dead_lettered' : 'skipped'
    this.#count(disposition, 1)
    this.#tracer.became(disposition)
    this.#events.failed(this.#record, failure, { deadLettered, tracer: this.#tracer })
  }

  #determineEventTime(record: StepRecord): void {
    const { eventTime, settings } = this.#node
    this.#chain.currentStep = null
    if (eventTime !== null) record.eventTimeMs = eventTimeOf(eventTime(record))
    else if (Number.isNaN(record.eventTimeMs)) record.eventTimeMs = this.#timestampMs
    if (record.eventTimeMs > this.#timestampMs + settings.maxFutureMs) {
      throw new RecordFailure(
        'RECORD_EVENT_TIME',
        `the event time ${new Date(record.eventTimeMs).toISOString()} lies more than \`max_future\` ahead of the record's ingest`,
      )
    }
    const progress = this.#progress!
    if (!progress.writer.sendsMarkers && this.#tracker.observe(progress, record.eventTimeMs))
      this.#watermarkRose()
  }

  #readMarker(batch: RecordBatch, index: number): void {
    const marker = JSON.parse(batch.valueText(index)!) as {
      watermark: number | null
      silent: boolean
    }
    const progress = this.#progress!
    const rose = this.#tracker.observe(progress, marker.watermark ?? Number.NEGATIVE_INFINITY)
    progress.isSilent = marker.silent
    if (rose || (marker.silent && this.#tracker.update())) this.#watermarkRose()
  }

  #watermarkRose(): void {
    this.#chain.watermarkMs = this.#tracker.watermarkMs
    this.#chain.fireDue()
    // What was due is done, whatever becomes of the record that moved the watermark.
    this.#chain.acceptState()
  }
}
