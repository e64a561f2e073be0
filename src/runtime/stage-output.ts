import { PipelineError, RecordFailure } from '../core/errors.ts'
import type { JsonFields } from '../core/json-fields.ts'
import { encodeJson, type JsonObject, type JsonValue } from '../core/json.ts'
import type { TaskCommit } from '../core/log.ts'
import { RecordBatchBuilder, type RecordTimes } from '../core/record-batch-builder.ts'
import { emptyBytes, encodeHeaders, type WrittenHeader } from '../core/record-batch.ts'
import type { StepRecord } from '../core/step-record.ts'
import type { StageNode } from '../topology/topology.ts'
import { deadLetterHeaders, lateHeaders } from './dead-letter.ts'
import { OutputCollector, type PartitionBuilders } from './output-collector.ts'
import type { RecordTracer } from './record-tracer.ts'
import type { SliceStats } from './slice-stats.ts'
import type { InputPart, SinkBatch, StepEnvironment } from './slice.ts'
import type { ChainEnd } from './step-chain.ts'

/** A larger result is dead-lettered: a log or sink would refuse it with everything beside it. */
const maxOutputBytes = 64 * 1024 * 1024

interface Growing {
  key: Uint8Array | string | null
  value: Uint8Array | string | null
  headers: Uint8Array
  times: RecordTimes
  marker: boolean
}

/** Collects what leaves a stage: results staged per record, so that a record that fails leaves none. */
export class StageOutput implements ChainEnd {
  readonly #environment: StepEnvironment
  readonly #node: StageNode
  readonly #tracer: RecordTracer
  readonly #collector: OutputCollector
  readonly #main: PartitionBuilders | null
  readonly #sink: RecordBatchBuilder | null
  readonly #keepsBytes: boolean
  readonly #ownPartition: number
  #sinkParts: number[] = []
  #sinkIndexes: number[] = []
  /** Results of the current record: values, keys and times side by side, `#staged` of them. */
  readonly #values: (string | Uint8Array | null)[] = []
  readonly #keys: (string | Uint8Array | null)[] = []
  readonly #eventTimesMs: number[] = []
  #staged = 0
  #isLate = false
  #stats: SliceStats | null = null
  /** Where only some fields of the current record were decoded: they are put among the others. */
  spliced: JsonFields | null = null
  #part: InputPart | null = null
  #partIndex = 0
  #index = 0
  #nowUs = 0
  #nowMs = 0
  #lateTimeMs = Number.NaN
  #markedMs = Number.NEGATIVE_INFINITY
  #markedSilent = false
  /** What the next markers say: that this task has ended or is idle, and holds nobody back. */
  isSilent = false
  readonly #growing: Growing = {
    key: null,
    value: null,
    headers: emptyBytes,
    marker: false,
    times: { timestampMs: 0, eventTimeMs: Number.NaN, ingestUs: 0, waitUs: 0, runUs: 0 },
  }

  constructor(environment: StepEnvironment, tracer: RecordTracer) {
    const { node, taskId } = environment
    this.#tracer = tracer
    this.#environment = environment
    this.#node = node
    this.#collector = new OutputCollector(taskId)
    this.#main =
      node.output?.kind === 'topic'
        ? this.#collector.topic(node.output.topic, node.output.partitions)
        : null
    this.#sink = node.output?.kind === 'sink' ? new RecordBatchBuilder(taskId) : null
    this.#keepsBytes = node.steps.length === 0
    this.#ownPartition = this.#main === null ? 0 : environment.taskIndex % this.#main.partitions
  }

  begin(slice: { stats: SliceStats; nowUs: number; nowMs: number }): void {
    this.#stats = slice.stats
    this.#nowUs = slice.nowUs
    this.#nowMs = slice.nowMs
    this.#sinkParts = []
    this.#sinkIndexes = []
    this.#part = null
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
    const value = this.#keepsBytes ? record.valueBytes : this.#encode(record)
    if (record.isMade) {
      this.#appendMade(record, value)
      return
    }
    this.#values[this.#staged] = value
    this.#keys[this.#staged] = this.#keyOf(record)
    this.#eventTimesMs[this.#staged] = record.eventTimeMs
    this.#staged += 1
  }

  late(record: StepRecord): void {
    this.#lateTimeMs = record.eventTimeMs
    this.#isLate = true
  }

  /** The record's steps have ended: appends its results with the time they took. */
  flushRecord(took: { waitUs: number; runUs: number }): void {
    const { batch } = this.#part!
    const growing = this.#growing
    const { times } = growing
    if (this.#staged === 0 && !this.#isLate) return
    times.timestampMs = batch.timestampMs[this.#index]!
    times.eventTimeMs = this.#lateTimeMs
    times.ingestUs = batch.ingestUs[this.#index]!
    times.waitUs = batch.waitUs[this.#index]! + took.waitUs
    times.runUs = batch.runUs[this.#index]! + took.runUs
    if (this.#isLate) this.#appendLate()
    if (this.#staged === 0) return
    const isTraced = this.#tracer.current !== null && this.#node.output !== null
    growing.headers = batch.headerBytes(this.#index)
    for (let result = 0; result < this.#staged; result++) {
      growing.key = this.#keys[result]!
      growing.value = this.#values[result]!
      times.eventTimeMs = this.#eventTimesMs[result]!
      if (isTraced) growing.headers = this.#tracer.headersOf(this.#topic, 'result')
      this.#append()
    }
  }

  deadLetter(record: StepRecord, failure: RecordFailure): void {
    const { batch, origin } = this.#part!
    const growing = this.#growing
    const { times } = growing
    times.timestampMs = batch.timestampMs[this.#index]!
    times.eventTimeMs = batch.eventTimeMs[this.#index]!
    times.ingestUs = batch.ingestUs[this.#index]!
    times.waitUs = batch.waitUs[this.#index]!
    times.runUs = batch.runUs[this.#index]!
    growing.key = record.keyBytes
    growing.value = record.valueBytes
    const original = this.#tracer.deadLetterHeaders(this.#node.deadLetterTopic)
    growing.headers = deadLetterHeaders(original, failure, {
      stage: this.#node.stage,
      topic: origin.topic,
      partition: origin.partition,
      offset: record.offset,
      mask: this.#environment.mask,
    })
    this.#aside(this.#node.deadLetterTopic, origin.partition)
  }

  madeFailed(
    made: { key: string | null; valueText: string; eventTimeMs: number },
    failure: RecordFailure,
  ): void {
    const { onError } = this.#node.settings
    if (onError === 'stop') throw stoppedBy(failure, this.#node.stage)
    this.#stats!.addFailure(failure.code)
    this.#environment.events.madeFailed(made, failure, { deadLettered: onError === 'dlq' })
    if (onError === 'skip') return
    this.#stats!.madeDeadLettered += 1
    this.#madeTimes(made.eventTimeMs)
    this.#growing.key = made.key
    this.#growing.value = made.valueText
    const original = this.#emitHeaders(this.#node.deadLetterTopic, failure)
    this.#growing.headers = deadLetterHeaders(original, failure, {
      stage: this.#node.stage,
      topic: null,
      partition: 0,
      offset: null,
      mask: this.#environment.mask,
    })
    this.#aside(this.#node.deadLetterTopic, 0)
  }

  absorbed(step: string, key: string): void {
    this.#tracer.absorbed(step, key)
  }

  making(step: string, key: string): void {
    this.#tracer.making(step, key)
  }

  windowClosed(record: StepRecord): void {
    this.#environment.events.windowClosed(record)
  }

  /** Tells readers of a topic with markers how far this task is, where that has changed. */
  writeMarkers(watermarkMs: number): void {
    const { output } = this.#node
    if (output?.kind !== 'topic' || !output.markers) return
    if (!(watermarkMs > this.#markedMs) && this.isSilent === this.#markedSilent) return
    this.#markedMs = watermarkMs
    this.#markedSilent = this.isSilent
    const watermark = Number.isFinite(watermarkMs) ? watermarkMs : null
    this.#madeTimes(Number.NaN)
    this.#growing.key = null
    this.#growing.value = JSON.stringify({ watermark, silent: this.isSilent })
    this.#growing.headers = emptyBytes
    this.#growing.marker = true
    for (let partition = 0; partition < output.partitions; partition++)
      this.#main!.append(partition, this.#growing)
    this.#growing.marker = false
  }

  take(): { outputs: TaskCommit['outputs']; sinkBatch: SinkBatch | null } {
    const outputs = this.#collector.take()
    if (this.#sink === null || this.#sink.count === 0) return { outputs, sinkBatch: null }
    const sinkBatch = {
      batch: this.#sink.finish(),
      part: Int32Array.from(this.#sinkParts),
      index: Int32Array.from(this.#sinkIndexes),
    }
    return { outputs, sinkBatch }
  }

  /** The dead letters that a sink's refusals made. */
  takeAside(): TaskCommit['outputs'] {
    return this.#collector.take()
  }

  /** null: the sink. */
  get #topic(): string | null {
    return this.#node.output?.kind === 'topic' ? this.#node.output.topic : null
  }

  /** Of the result that is growing. */
  #emitHeaders(topic: string | null, failure: RecordFailure | null): readonly WrittenHeader[] {
    const { key, value, times } = this.#growing
    const { eventTimeMs } = times
    return this.#tracer.emitHeaders({
      topic,
      key,
      value,
      eventTimeMs,
      startUs: this.#nowUs,
      failure,
    })
  }

  #append(): void {
    const growing = this.#growing
    const { output } = this.#node
    if (this.#sink !== null) {
      this.#sink.append(growing)
      this.#sinkParts.push(this.#part === null ? -1 : this.#partIndex)
      this.#sinkIndexes.push(this.#index)
    } else if (output?.kind === 'topic') {
      if (output.samePartition && this.#part !== null)
        this.#main!.append(this.#part.origin.partition, growing)
      else this.#main!.appendByKey(growing)
    }
  }

  #appendMade(record: StepRecord, value: string | Uint8Array | null): void {
    this.#stats!.made += 1
    this.#madeTimes(record.eventTimeMs)
    this.#growing.key = this.#keyOf(record)
    this.#growing.value = value
    this.#growing.headers = encodeHeaders(this.#emitHeaders(this.#topic, null))
    // A result has no input record, even if one moved the watermark that made it.
    const part = this.#part
    this.#part = null
    // Results without a key are one group: in one partition they keep their order.
    if (this.#growing.key === null && this.#main !== null)
      this.#main.append(this.#ownPartition, this.#growing)
    else this.#append()
    this.#part = part
  }

  #appendLate(): void {
    const { batch, origin } = this.#part!
    const growing = this.#growing
    growing.key = batch.key(this.#index)
    growing.value = batch.value(this.#index)
    const offset =
      origin.topic === null ? null : Number(origin.baseOffset) + batch.offsetDelta[this.#index]!
    const { lateTopic } = this.#node
    growing.headers = lateHeaders(this.#tracer.lateHeaders(lateTopic), {
      stage: this.#node.stage,
      topic: origin.topic,
      partition: origin.partition,
      offset,
    })
    this.#isLate = false
    this.#aside(lateTopic, origin.partition)
  }

  #aside(topic: string, partition: number): void {
    const partitions = this.#environment.partitionsOf(topic)
    this.#collector.topic(topic, partitions).append(partition % partitions, this.#growing)
  }

  #madeTimes(eventTimeMs: number): void {
    const { times } = this.#growing
    times.timestampMs = this.#nowMs
    times.eventTimeMs = eventTimeMs
    times.ingestUs = this.#nowUs
    times.waitUs = 0
    times.runUs = 0
  }

  #keyOf(record: StepRecord): string | Uint8Array | null {
    const { output } = this.#node
    if (output !== null && output.key !== null) return keyText(output.key(record))
    return record.madeKey ?? record.keyBytes
  }

  #encode(record: StepRecord): string {
    const { spliced } = this
    const text =
      spliced === null || record.isMade
        ? encodeJson(record.value)
        : spliced.splice(record.value as JsonObject)
    if (text.length > maxOutputBytes)
      throw new RecordFailure(
        'RECORD_TOO_LARGE',
        `the result has ${text.length} characters; a record takes ${maxOutputBytes} bytes`,
      )
    return text
  }
}

export function stoppedBy({ code, message }: RecordFailure, stage: string): PipelineError {
  return new PipelineError(
    'STAGE_STOPPED',
    `the stage "${stage}" stops at a failed record (on_error: stop): ${message} (${code})`,
  )
}

/** A key as text: text as it is, anything else as JSON. */
function keyText(key: JsonValue): string | null {
  if (key === null || typeof key === 'string') return key
  return encodeJson(key)
}
