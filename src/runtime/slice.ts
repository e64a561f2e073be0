import type { Clock } from '../core/clock.ts'
import type { RecordFailure } from '../core/errors.ts'
import type { StateChange, TaskCommit } from '../core/log.ts'
import type { RecordBatch } from '../core/record-batch.ts'
import type { RecordOrigin } from '../core/step-record.ts'
import type { SliceTraces } from '../core/telemetry.ts'
import type { StageNode, Topology } from '../topology/topology.ts'
import type { SliceStats } from './slice-stats.ts'
import type { TaskEvents } from './task-events.ts'
import type { WatermarkTracker } from './watermark.ts'

/** One batch of a slice, whatever it was read from. */
export interface InputPart {
  /** Index of the input in the task, for its writers. */
  readonly input: number
  readonly batch: RecordBatch
  readonly from: number
  readonly origin: RecordOrigin
  /** Epoch µs; NaN where not known. */
  readonly visibleUs: number
  /** Records that the source could not read, by index. */
  readonly failures: ReadonlyMap<number, RecordFailure>
  /** Of a dead letter that came back: how often it was written back. */
  readonly replays?: number
}

export interface StepResult {
  readonly outputs: TaskCommit['outputs']
  readonly sinkBatch: SinkBatch | null
  readonly state: readonly StateChange[]
  readonly stats: SliceStats
  /** null where nothing was traced. */
  readonly traces: SliceTraces | null
}

export interface SinkBatch {
  readonly batch: RecordBatch
  /** By record of the batch: the part and index of its input; -1 for one that a step made. */
  readonly part: Int32Array
  readonly index: Int32Array
}

export interface StepEnvironment {
  readonly node: StageNode
  readonly taskId: string
  readonly taskIndex: number
  readonly partitionsOf: (topic: string) => number
  readonly tracker: WatermarkTracker
  readonly clock: Clock
  readonly events: TaskEvents
  readonly tracing: Topology['tracing']
  /** What ids of the pipeline's own tasks begin with. */
  readonly ownWriters: string
  /** Replaces secrets in a text. */
  readonly mask: (text: string) => string
}

/** Of the slice, without markers: the index of a record in its stats. */
export function recordsBefore(
  parts: readonly InputPart[],
  place: { part: number; index: number },
): number {
  let records = 0
  for (const [at, { batch, from }] of parts.slice(0, place.part + 1).entries()) {
    const end = at === place.part ? place.index : batch.count
    for (let index = from; index < end; index++) if (!batch.isMarker(index)) records += 1
  }
  return records
}
