import type { RecordFailure } from '../core/errors.ts'
import type { JsonFields } from '../core/json-fields.ts'
import type { TaskCommit } from '../core/log.ts'
import { emptyBytes } from '../core/record-batch.ts'
import type { StepRecord } from '../core/step-record.ts'
import type { TracedEmit } from '../core/telemetry.ts'
import { withTraceContext } from '../core/trace-context.ts'
import type { StageNode } from '../topology/topology.ts'
import {
  deadLetter,
  type DeadLetterFrame,
  type DeadLetterOrigin,
  type RecordContent,
} from './dead-letter.ts'
import { encodeKey, encodeValue } from './encode-result.ts'
import { GrowingRecord } from './growing-record.ts'
import { OutputCollector } from './output-collector.ts'
import { type HeaderTrace, OutputHeaders } from './output-headers.ts'
import { OutputTarget, OutputTargets } from './output-targets.ts'
import type { RecordLimits } from './record-limits.ts'
import { assertSize, hasRoom } from './record-size.ts'
import type { RecordTracer } from './record-tracer.ts'
import { SinkCollector } from './sink-collector.ts'
import type { SliceStats } from './slice-stats.ts'
import type { InputPart, SinkBatch, StepEnvironment } from './slice.ts'
import type { ChainEnd, MadeText } from './step-chain.ts'
import { stoppedBy } from './stopped-by.ts'

const maxBytesPerChar = 3

/** Collects what leaves a stage: results staged per record, so that a record that fails leaves none. */
export class StageOutput implements ChainEnd {
  readonly #environment: StepEnvironment
  readonly #node: StageNode
  readonly #tracer: RecordTracer
  readonly #limits: RecordLimits
  readonly #collector: OutputCollector
  readonly #targets: OutputTargets
  readonly #sink: SinkCollector | null
  readonly #keepsBytes: boolean
  readonly #headers: OutputHeaders
  /** One for each partition of the output topic; null: its readers get none. */
  readonly #markers: OutputTarget | null
  /** Results of the current record: values, keys, times and topics side by side, `#staged` of them. */
  readonly #values: (string | Uint8Array | null)[] = []
  readonly #keys: (string | Uint8Array | null)[] = []
  readonly #eventTimesMs: number[] = []
  /** null: the sink, or nowhere. */
  readonly #wanted: (OutputTarget | null)[] = []
  #staged = 0
  #isLate = false
  #stats: SliceStats | null = null
  /** Where only some fields of the current record were decoded: they are put among the others. */
  spliced: JsonFields | null = null
  #part: InputPart | null = null
  #partIndex = 0
  #index = 0
  #now = { us: 0, ms: 0 }
  #lateTimeMs = Number.NaN
  #markedMs = Number.NEGATIVE_INFINITY
  #markedSilent = false
  /** What the next markers say: that this task has ended or is idle, and holds nobody back. */
  isSilent = false
  readonly #growing = new GrowingRecord()

  constructor(
    environment: StepEnvironment,
    { tracer, limits }: { readonly tracer: RecordTracer; readonly limits: RecordLimits },
  ) {
    const { node, taskId } = environment
    this.#tracer = tracer
    this.#limits = limits
    this.#headers = new OutputHeaders(node)
    this.#environment = environment
    this.#node = node
    this.#collector = new OutputCollector(taskId)
    const of = { collector: this.#collector, taskIndex: environment.taskIndex }
    this.#targets = new OutputTargets(node, of)
    const hasMarkers = node.output?.kind === 'topic' && node.output.markers
    this.#markers = hasMarkers ? new OutputTarget(node.output, of) : null
    this.#sink = node.output?.kind === 'sink' ? new SinkCollector(taskId) : null
    this.#keepsBytes = node.steps.length === 0
  }

  begin(slice: { stats: SliceStats; nowUs: number; nowMs: number }): void {
    this.#stats = slice.stats
    this.#now = { us: slice.nowUs, ms: slice.nowMs }
    this.#part = null
    this.#targets.begin(this.#limits)
    this.dropRecord()
  }

  beginPart(partIndex: number, part: InputPart): void {
    this.#partIndex = partIndex
    this.#part = part
  }

  beginRecord(index: number): void {
    this.#index = index
    this.#staged = 0
  }

  /** Forgets what the current record has staged. */
  dropRecord(): void {
    this.#staged = 0
    this.#isLate = false
  }

  accept(record: StepRecord): void {
    const value = this.#keepsBytes
      ? record.valueBytes
      : encodeValue(record, record.isMade ? null : this.spliced)
    const target = this.#targets.of(record)
    const at = this.#staged
    this.#values[at] = value
    this.#keys[at] = this.#keyOf(record)
    this.#eventTimesMs[at] = record.eventTimeMs
    this.#wanted[at] = target
    if (target !== null && target.maxBytes !== Number.POSITIVE_INFINITY)
      this.#assertFits(record, target)
    if (record.isMade) this.#appendMade(record, target)
    else this.#staged += 1
  }

  late(record: StepRecord): void {
    const { lateTopic } = this.#node
    const maxBytes = this.#limits.of(lateTopic)
    if (maxBytes !== Number.POSITIVE_INFINITY && !record.isMade) {
      const { keyBytes: key, valueBytes: value } = record
      const headers = this.#headers.late(this.#part!, this.#index, this.#leastTrace)
      assertSize({ key, value, headers }, lateTopic, maxBytes)
    }
    this.#lateTimeMs = record.eventTimeMs
    this.#isLate = true
  }

  /** The record's steps have ended: appends its results with the time they took. */
  flushRecord(took: { waitUs: number; runUs: number }): void {
    const growing = this.#growing
    const { times } = growing
    if (this.#staged === 0 && !this.#isLate) return
    this.#growing.timeAsRead(this.#part!, this.#index, this.#lateTimeMs)
    times.waitUs += took.waitUs
    times.runUs += took.runUs
    if (this.#isLate) this.#appendLate()
    if (this.#staged === 0) return
    const isTraced = this.#tracer.current !== null && this.#node.output !== null
    if (!isTraced) growing.headers = this.#headers.result(this.#part!, this.#index, 'own')
    for (let result = 0; result < this.#staged; result++) {
      growing.key = this.#keys[result]!
      growing.value = this.#values[result]!
      times.eventTimeMs = this.#eventTimesMs[result]!
      const target = this.#wanted[result]!
      if (isTraced) this.#useTraced('result', target?.topic ?? null)
      this.#append(target)
    }
  }

  /** @returns false, and nothing is written, when the dead-letter topic has room for none. */
  deadLetter(record: StepRecord, failure: RecordFailure): boolean {
    const { batch, origin, replays } = this.#part!
    this.#growing.timeAsRead(this.#part!, this.#index, batch.eventTimeMs[this.#index]!)
    const original = {
      key: record.keyBytes,
      value: record.valueBytes,
      headers: this.#headers.own(this.#part!, this.#index),
    }
    const { topic, partition } = origin
    const context = this.#tracer.contextFor('dead_letter')
    const again = replays === undefined ? {} : { replays }
    const place = { topic, partition, offset: record.offset, context, ...again }
    if (!this.#deadLetter(original, failure, place)) return false
    if (context !== null) this.#tracer.sent(context, this.#node.deadLetterTopic, 'dead_letter')
    return true
  }

  madeFailed(made: MadeText, failure: RecordFailure): void {
    const { onError } = this.#node.settings
    if (onError === 'stop') throw stoppedBy(failure, this.#node.stage)
    this.#stats!.addFailure(failure.code)
    this.#growing.timeAsMade(this.#now, made.eventTimeMs)
    const { key, valueText: value, headers = emptyBytes } = made
    const original = { key, value, headers: this.#headers.made(headers) }
    const isKept = onError === 'dlq' && this.#madeDeadLetter(original, failure)
    const how = { deadLettered: isKept, tracer: this.#tracer }
    this.#environment.events.madeFailed(made, failure, how)
    if (isKept) this.#stats!.madeDeadLettered += 1
  }

  absorbed(step: string, key: string): void {
    this.#tracer.absorbed(step, key)
  }

  making(step: string, key: string): void {
    this.#tracer.making(step, key)
  }

  windowClosed(record: StepRecord): void {
    this.#stats!.windows += 1
    this.#environment.events.windowClosed(record, this.#tracer)
  }

  /** Tells readers of a topic with markers how far this task is, where that has changed. */
  writeMarkers(watermarkMs: number): void {
    if (this.#markers === null) return
    if (!(watermarkMs > this.#markedMs) && this.isSilent === this.#markedSilent) return
    this.#markedMs = watermarkMs
    this.#markedSilent = this.isSilent
    const watermark = Number.isFinite(watermarkMs) ? watermarkMs : null
    this.#growing.timeAsMade(this.#now, Number.NaN)
    this.#growing.key = null
    this.#growing.value = JSON.stringify({ watermark, silent: this.isSilent })
    this.#growing.headers = emptyBytes
    this.#growing.marker = true
    this.#markers.appendToAll(this.#growing)
    this.#stats!.markers += this.#markers.partitions
    this.#growing.marker = false
  }

  take(): { outputs: TaskCommit['outputs']; sinkBatch: SinkBatch | null } {
    const outputs = this.#collector.take()
    return { outputs, sinkBatch: this.#sink?.take() ?? null }
  }

  /** The dead letters that a sink's refusals made. */
  takeAside(): TaskCommit['outputs'] {
    return this.#collector.take()
  }

  /** Of a result that a step makes. */
  #emitOf(
    { key, value }: Pick<RecordContent, 'key' | 'value'>,
    { topic, failure }: { topic: string | null; failure: RecordFailure | null },
  ): TracedEmit | null {
    const { eventTimeMs } = this.#growing.times
    return this.#tracer.emitOf({ topic, key, value, eventTimeMs, startUs: this.#now.us, failure })
  }

  /** Of a record that is traced: what the topic would not take with the context of its trace goes without. */
  #useTraced(kind: 'result' | 'late', topic: string | null): void {
    const context = this.#tracer.contextFor(kind)
    if (context !== null) this.#tracer.sent(context, topic, kind)
    const maxBytes = topic === null ? Number.POSITIVE_INFINITY : this.#limits.of(topic)
    // One of very many results leaves the trace, also that in which its record came.
    const choices: readonly HeaderTrace[] = context === null ? ['none'] : [context, 'own', 'none']
    for (const trace of choices) {
      this.#growing.headers = this.#headers[kind](this.#part!, this.#index, trace)
      if (hasRoom(this.#growing, maxBytes)) return
    }
  }

  /** What the record at hand has of a context where room is short: tracing makes no record too large. */
  get #leastTrace(): HeaderTrace {
    return this.#tracer.current === null ? 'own' : 'none'
  }

  #append(target: OutputTarget | null): void {
    const part = this.#part
    if (target !== null) target.append(this.#growing, part === null ? null : part.origin.partition)
    else this.#sink?.append(this.#growing, part === null ? -1 : this.#partIndex, this.#index)
  }

  #appendMade(record: StepRecord, target: OutputTarget | null): void {
    const value = this.#values[this.#staged]!
    const key = this.#keys[this.#staged]!
    this.#stats!.made += 1
    this.#growing.timeAsMade(this.#now, record.eventTimeMs)
    this.#growing.key = key
    this.#growing.value = value
    const held = this.#headers.made(record.headerBytes)
    this.#growing.headers = held
    const topic = target?.topic ?? null
    const emit = this.#emitOf(this.#growing, { topic, failure: null })
    if (emit !== null) {
      this.#tracer.emitted(emit)
      const headers = withTraceContext(held, this.#tracer.emitContext(emit))
      const maxBytes = target?.maxBytes ?? Number.POSITIVE_INFINITY
      if (hasRoom({ key, value, headers }, maxBytes)) this.#growing.headers = headers
    }
    // A result has no input record, even if one moved the watermark that made it.
    const part = this.#part
    this.#part = null
    this.#append(target)
    this.#part = part
  }

  #appendLate(): void {
    const { batch, origin } = this.#part!
    const growing = this.#growing
    growing.key = batch.key(this.#index)
    growing.value = batch.value(this.#index)
    if (this.#tracer.current === null)
      growing.headers = this.#headers.late(this.#part!, this.#index, 'own')
    else this.#useTraced('late', this.#node.lateTopic)
    this.#isLate = false
    this.#aside(this.#node.lateTopic, origin.partition)
  }

  #deadLetter(
    original: RecordContent,
    failure: RecordFailure,
    place: Omit<DeadLetterOrigin, 'stage' | 'mask'> & Pick<DeadLetterFrame, 'context'>,
  ): boolean {
    const { deadLetterTopic, stage } = this.#node
    const maxBytes = this.#limits.of(deadLetterTopic)
    const { mask } = this.#environment
    const letter = deadLetter(original, failure, { ...place, stage, mask, maxBytes })
    if (letter === null) return false
    Object.assign(this.#growing, letter)
    this.#aside(deadLetterTopic, place.partition)
    return true
  }

  #madeDeadLetter(original: RecordContent, failure: RecordFailure): boolean {
    const emit = this.#emitOf(original, { topic: this.#node.deadLetterTopic, failure })
    const context = emit === null ? null : this.#tracer.emitContext(emit)
    const nowhere = { topic: null, partition: 0, offset: null, context, isMade: true }
    const isKept = this.#deadLetter(original, failure, nowhere)
    if (isKept && emit !== null) this.#tracer.emitted(emit)
    return isKept
  }

  #aside(topic: string, partition: number): void {
    const partitions = this.#environment.partitionsOf(topic)
    this.#collector.topic(topic, partitions).append(partition % partitions, this.#growing)
  }

  /** The result staged last. Quickly: an ordinary one is not measured, and its headers are not looked at. */
  #assertFits(record: StepRecord, { topic, maxBytes }: OutputTarget): void {
    const value = this.#values[this.#staged]!
    const key = this.#keys[this.#staged]!
    const read = record.isMade ? 0 : this.#part!.batch.sizeBytes(this.#index)
    const most = read + maxBytesPerChar * ((key?.length ?? 0) + (value?.length ?? 0))
    if (most > maxBytes || this.#headers.writesSource) {
      const headers = record.isMade
        ? record.headerBytes
        : this.#headers.result(this.#part!, this.#index, this.#leastTrace)
      assertSize({ key, value, headers }, topic, maxBytes)
    }
  }

  #keyOf(record: StepRecord): string | Uint8Array | null {
    const { output } = this.#node
    if (output !== null && output.key !== null) return encodeKey(output.key(record))
    return record.madeKey ?? record.keyBytes
  }
}
