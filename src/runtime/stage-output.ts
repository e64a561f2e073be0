import { PipelineError, RecordFailure } from '../core/errors.ts'
import type { JsonFields } from '../core/json-fields.ts'
import { encodeJson, type JsonObject, type JsonValue } from '../core/json.ts'
import type { TaskCommit } from '../core/log.ts'
import { RecordBatchBuilder, type RecordTimes } from '../core/record-batch-builder.ts'
import { emptyBytes } from '../core/record-batch.ts'
import type { StepRecord } from '../core/step-record.ts'
import type { StageNode } from '../topology/topology.ts'
import { contentBytes, deadLetter, lateHeaders, type RecordContent } from './dead-letter.ts'
import { OutputCollector, type PartitionBuilders } from './output-collector.ts'
import type { RecordLimits } from './record-limits.ts'
import type { SliceStats } from './slice-stats.ts'
import type { InputPart, SinkBatch, StepEnvironment } from './slice.ts'
import type { ChainEnd } from './step-chain.ts'
import { withoutSource, withSource } from './stored-source.ts'

/** A larger result is dead-lettered: a log or sink would refuse it with everything beside it. */
const maxOutputBytes = 64 * 1024 * 1024
const maxBytesPerChar = 3

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
  readonly #collector: OutputCollector
  readonly #main: PartitionBuilders | null
  readonly #sink: RecordBatchBuilder | null
  readonly #keepsBytes: boolean
  /** Whether records come, and go, with where they came into the pipeline. */
  readonly #readsSource: boolean
  readonly #writesSource: boolean
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
  readonly #limits: RecordLimits
  /** Bytes that a record of the output topic may have, in this slice. */
  #maxBytes = Number.POSITIVE_INFINITY
  readonly #growing: Growing = {
    key: null,
    value: null,
    headers: emptyBytes,
    marker: false,
    times: { timestampMs: 0, eventTimeMs: Number.NaN, ingestUs: 0, waitUs: 0, runUs: 0 },
  }

  constructor(environment: StepEnvironment, limits: RecordLimits) {
    const { node, taskId } = environment
    this.#limits = limits
    this.#environment = environment
    this.#node = node
    this.#collector = new OutputCollector(taskId)
    this.#main =
      node.output?.kind === 'topic'
        ? this.#collector.topic(node.output.topic, node.output.partitions)
        : null
    this.#sink = node.output?.kind === 'sink' ? new RecordBatchBuilder(taskId) : null
    this.#readsSource = node.input.kind === 'topics' && node.input.tellsSource === true
    this.#writesSource = node.output?.kind === 'topic' && node.output.tellsSource === true
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
    if (this.#node.output?.kind === 'topic')
      this.#maxBytes = this.#limits.of(this.#node.output.topic)
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
    const key = this.#keyOf(record)
    this.#assertFits(key, value, record)
    this.#values[this.#staged] = value
    this.#keys[this.#staged] = key
    this.#eventTimesMs[this.#staged] = record.eventTimeMs
    this.#staged += 1
  }

  late(record: StepRecord): void {
    const { lateTopic } = this.#node
    const maxBytes = this.#limits.of(lateTopic)
    if (maxBytes !== Number.POSITIVE_INFINITY && !record.isMade) {
      const { keyBytes: key, valueBytes: value } = record
      assertSize({ key, value, headers: this.#lateHeaders() }, lateTopic, maxBytes)
    }
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
    growing.headers = this.#resultHeaders()
    for (let result = 0; result < this.#staged; result++) {
      growing.key = this.#keys[result]!
      growing.value = this.#values[result]!
      times.eventTimeMs = this.#eventTimesMs[result]!
      this.#append()
    }
  }

  /** @returns false, and nothing is written, when the dead-letter topic has room for none. */
  deadLetter(record: StepRecord, failure: RecordFailure): boolean {
    const { batch, origin } = this.#part!
    const { times } = this.#growing
    times.timestampMs = batch.timestampMs[this.#index]!
    times.eventTimeMs = batch.eventTimeMs[this.#index]!
    times.ingestUs = batch.ingestUs[this.#index]!
    times.waitUs = batch.waitUs[this.#index]!
    times.runUs = batch.runUs[this.#index]!
    const original = {
      key: record.keyBytes,
      value: record.valueBytes,
      headers: this.#ownHeaders(),
    }
    const { topic, partition } = origin
    return this.#deadLetter(original, failure, { topic, partition, offset: record.offset })
  }

  madeFailed(
    made: { key: string | null; valueText: string; eventTimeMs: number },
    failure: RecordFailure,
  ): void {
    const { onError } = this.#node.settings
    if (onError === 'stop') throw stoppedBy(failure, this.#node.stage)
    this.#stats!.addFailure(failure.code)
    this.#madeTimes(made.eventTimeMs)
    const original = { key: made.key, value: made.valueText, headers: emptyBytes }
    const nowhere = { topic: null, partition: 0, offset: null }
    const isKept = onError === 'dlq' && this.#deadLetter(original, failure, nowhere)
    this.#environment.events.madeFailed(made, failure, { deadLettered: isKept })
    if (isKept) this.#stats!.madeDeadLettered += 1
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
    const key = this.#keyOf(record)
    this.#assertFits(key, value, record)
    this.#stats!.made += 1
    this.#madeTimes(record.eventTimeMs)
    this.#growing.key = key
    this.#growing.value = value
    this.#growing.headers = emptyBytes
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
    growing.headers = this.#lateHeaders()
    this.#isLate = false
    this.#aside(this.#node.lateTopic, origin.partition)
  }

  #lateHeaders(): Uint8Array {
    const { batch, origin } = this.#part!
    const offset =
      origin.topic === null ? null : Number(origin.baseOffset) + batch.offsetDelta[this.#index]!
    return lateHeaders(this.#ownHeaders(), {
      stage: this.#node.stage,
      topic: origin.topic,
      partition: origin.partition,
      offset,
    })
  }

  #deadLetter(
    original: RecordContent,
    failure: RecordFailure,
    origin: { topic: string | null; partition: number; offset: number | null },
  ): boolean {
    const { deadLetterTopic, stage } = this.#node
    const maxBytes = this.#limits.of(deadLetterTopic)
    const { mask } = this.#environment
    const letter = deadLetter(original, failure, { ...origin, stage, mask, maxBytes })
    if (letter === null) return false
    Object.assign(this.#growing, letter)
    this.#aside(deadLetterTopic, origin.partition)
    return true
  }

  #aside(topic: string, partition: number): void {
    const partitions = this.#environment.partitionsOf(topic)
    this.#collector.topic(topic, partitions).append(partition % partitions, this.#growing)
  }

  /** The headers that the current record came with, without what the engine has added. */
  #ownHeaders(): Uint8Array {
    const headers = this.#part!.batch.headerBytes(this.#index)
    return this.#readsSource ? withoutSource(headers) : headers
  }

  #resultHeaders(): Uint8Array {
    const { source } = this.#part!.origin
    const headers = this.#ownHeaders()
    return this.#writesSource && source !== null
      ? withSource(headers, source(this.#index))
      : headers
  }

  /** Quickly: an ordinary record is not measured, and its headers are not looked at. */
  #assertFits(
    key: string | Uint8Array | null,
    value: string | Uint8Array | null,
    record: StepRecord,
  ): void {
    const { output } = this.#node
    const maxBytes = this.#maxBytes
    if (maxBytes === Number.POSITIVE_INFINITY || output?.kind !== 'topic') return
    const read = record.isMade ? 0 : this.#part!.batch.sizeBytes(this.#index)
    const most = read + maxBytesPerChar * ((key?.length ?? 0) + (value?.length ?? 0))
    if (most > maxBytes || this.#writesSource) {
      const headers = record.isMade ? emptyBytes : this.#resultHeaders()
      assertSize({ key, value, headers }, output.topic, maxBytes)
    }
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

/** @throws RecordFailure */
function assertSize(content: RecordContent, topic: string, maxBytes: number): void {
  const bytes = contentBytes(content)
  if (bytes <= maxBytes) return
  throw new RecordFailure(
    'RECORD_TOO_LARGE',
    `the record has ${bytes} bytes; the topic "${topic}" takes ${maxBytes} (\`max.message.bytes\`, less what the log adds)`,
  )
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
