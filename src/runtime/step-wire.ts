import { messageOf, PipelineError, type ErrorCode, type RecordFailure } from '../core/errors.ts'
import { RecordBatch } from '../core/record-batch.ts'
import { ownsMemory } from '../core/release-bytes.ts'
import type { SliceTraces } from '../core/telemetry.ts'
import type { InputPart, StepResult } from './slice.ts'
import { SliceStats } from './slice-stats.ts'

/** Slices and results in the form in which they go from one thread to another. */

export interface WirePart {
  readonly input: number
  readonly bytes: Uint8Array
  readonly from: number
  readonly topic: string | null
  readonly partition: number
  readonly baseOffset: bigint
  readonly visibleUs: number
  readonly replays?: number
}

export interface WireResult {
  readonly outputs: readonly {
    readonly topic: string
    readonly partition: number
    readonly bytes: Uint8Array
  }[]
  /** The fields of `SliceStats`. */
  readonly stats: SliceStats
  readonly traces: SliceTraces | null
}

export interface WireError {
  readonly code: ErrorCode
  readonly message: string
}

const noFailures: ReadonlyMap<number, RecordFailure> = new Map()

/** Parts of a topic: they hold no failures of a source. */
export function partToWire({
  input,
  batch,
  from,
  origin,
  visibleUs,
  replays,
}: InputPart): WirePart {
  const { topic, partition, baseOffset } = origin
  const part = { input, bytes: batch.bytes, from, topic, partition, baseOffset, visibleUs }
  return replays === undefined ? part : { ...part, replays }
}

export function partFromWire(part: WirePart): InputPart {
  const { input, bytes, from, topic, partition, baseOffset, visibleUs, replays } = part
  const origin = { topic, partition, baseOffset, source: null }
  const batch = new RecordBatch(bytes)
  const read = { input, batch, from, origin, visibleUs, failures: noFailures }
  return replays === undefined ? read : { ...read, replays }
}

export function resultToWire({ outputs, stats, traces }: StepResult): WireResult {
  return {
    outputs: outputs.map(({ topic, partition, batch }) => ({
      topic,
      partition,
      bytes: batch.bytes,
    })),
    stats,
    traces,
  }
}

/** The result of a node that `runsAnywhere`: it has no state and no sink. */
export function resultFromWire({ outputs, stats, traces }: WireResult): StepResult {
  return {
    outputs: outputs.map(({ topic, partition, bytes }) => ({
      topic,
      partition,
      batch: new RecordBatch(bytes),
    })),
    sinkBatch: null,
    state: [],
    stats: Object.assign(new SliceStats(0), stats),
    traces,
  }
}

/** What can be handed over without a copy: buffers that hold one of these and nothing else. */
export function transferable(all: readonly Uint8Array[]): ArrayBuffer[] {
  const buffers = all.flatMap((bytes) =>
    bytes.buffer instanceof ArrayBuffer && ownsMemory(bytes) ? [bytes.buffer] : [],
  )
  return [...new Set(buffers)]
}

export function errorToWire(thrown: unknown): WireError {
  if (thrown instanceof PipelineError) return { code: thrown.code, message: thrown.message }
  return { code: 'INVARIANT', message: messageOf(thrown) }
}

export function errorFromWire({ code, message }: WireError): PipelineError {
  return new PipelineError(code, message)
}
