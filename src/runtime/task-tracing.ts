import type {
  CommittedSink,
  SinkAttempt,
  SliceTraces,
  SpanPlace,
  SpanReserve,
  TraceReason,
  Tracing,
} from '../core/telemetry.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import type { StageNode, Topology } from '../topology/topology.ts'
import type { InputPart } from './slice.ts'
import type { StageMeter } from './stage-meter.ts'
import type { TracedTask } from './hook-tracing.ts'
import { placesOf, spansBeforeSend, type TraceRequest } from './trace-request.ts'
import type { PlaceRange, TraceSampler } from './trace-sampler.ts'

export interface TaskTracingOptions {
  readonly tracing: Tracing
  readonly settings: Topology['tracing']
  /** Of the pipeline. */
  readonly sampler: TraceSampler
  /** Of the node, for what `faultBucket` makes it. */
  readonly faults: TokenBucket
  readonly meter: StageMeter
  readonly pipeline: string
  readonly node: StageNode
  readonly task: string
  /** What ids of the pipeline's own tasks begin with. */
  readonly ownWriters: string
}

/** So many records of a node must be known before one can be called slow. */
const minKnownRecords = 1_000
const slowFraction = 0.999
const minSlowUs = 100_000
const slowEveryUs = 1_000_000
/** Of records that failed or were slow so many a second are traced, however low the rate of others. */
const minFaultRate = 5
/** Faults come together: so many are traced at once. */
const minFaultBurst = 16
const faultReasons: ReadonlySet<TraceReason> = new Set(['error', 'slow', 'retry'])
const noReserve: SpanReserve = { spans: 0, begins: 0 }
const nothingSpent = { spans: 0, faults: 0, leftOut: 0 }

/** Records that failed, were retried or slow, of all tasks of a node: so many are traced. */
export function faultBucket(settings: Topology['tracing']): TokenBucket {
  const perSecond = Math.max(minFaultRate, settings.perSecond)
  return new TokenBucket({ perSecond, burst: Math.max(minFaultBurst, perSecond) })
}

/** Decides what is traced of a task's slices, and hands on what was. */
export class TaskTracing implements TracedTask {
  readonly #options: TaskTracingOptions
  /** Of the slice at work. */
  #reserve: SpanReserve = noReserve
  #spent = nothingSpent
  #slowWaitUs = Number.POSITIVE_INFINITY
  #slowRunUs = Number.POSITIVE_INFINITY
  #slowKnownUs = Number.NEGATIVE_INFINITY

  constructor(options: TaskTracingOptions) {
    this.#options = options
    const { slowMs } = options.settings
    if (typeof slowMs === 'number') this.#slowWaitUs = this.#slowRunUs = slowMs * 1_000
  }

  request(parts: readonly InputPart[], nowUs: number): TraceRequest {
    const { tracing, sampler } = this.#options
    this.#reserve = tracing.reserve(nowUs)
    this.#spent = nothingSpent
    const { spans: budget, begins } = this.#reserve
    if (this.#options.settings.slowMs === 'auto') this.#learnSlow(nowUs)
    const ranges = this.#fromOutside(parts)
    const { picks, missed } = sampler.pick(ranges, begins, nowUs)
    if (missed > 0) tracing.leftOut(missed)
    return {
      picks,
      budget,
      faults: Math.min(budget, this.#options.faults.available(nowUs)),
      slowWaitUs: this.#slowWaitUs,
      slowRunUs: this.#slowRunUs,
    }
  }

  /**
   * What the step wrote of spans is spent, though nothing is committed yet. To be called again where its
   * traces have grown since.
   */
  spent(traces: SliceTraces | null): void {
    if (traces === null) return
    const { tracing } = this.#options
    const before = this.#spent
    const sent = traces.records.reduce((sum, { sends }) => sum + sends.length, 0)
    const calls = traces.records.reduce((sum, { attempts }) => sum + (attempts?.length ?? 0), 0)
    const spans = spansBeforeSend * traces.records.length + sent + calls + traces.emits.length
    const faults = traces.records.filter(({ reason }) => faultReasons.has(reason)).length
    this.#spent = { spans, faults, leftOut: traces.leftOut }
    tracing.settle(this.#reserve, spans - before.spans)
    this.#reserve = noReserve
    this.#options.faults.take(faults - before.faults)
    if (traces.leftOut > before.leftOut) tracing.leftOut(traces.leftOut - before.leftOut)
  }

  /** How the results of a slice went to the sink of the stage. */
  written(attempts: readonly SinkAttempt[]): CommittedSink {
    const { output } = this.#options.node
    return { type: output?.kind === 'sink' ? output.definition.type : '', attempts }
  }

  committed(traces: SliceTraces, how: { committedUs: number; sink: CommittedSink | null }): void {
    if (traces.records.length === 0 && traces.emits.length === 0) return
    const { tracing, pipeline, node, task } = this.#options
    const { stage, group, id, input } = node
    const source = input.kind === 'source' ? input.definition.type : null
    tracing.committed({ ...traces, ...how, pipeline, stage, node: id, task, group, source })
  }

  linksTo({ records }: SliceTraces): readonly SpanPlace[] {
    const linked = records.slice(0, this.#options.settings.maxLinks)
    return linked.map(({ traceId, processId: spanId }) => ({ traceId, spanId }))
  }

  /** Where records lie that no task of this pipeline wrote. */
  #fromOutside(parts: readonly InputPart[]): readonly PlaceRange[] {
    const places = placesOf(parts)
    return parts.flatMap(({ batch, from }, index) => {
      if (batch.writer.startsWith(this.#options.ownWriters)) return []
      const start = places[index]!
      return [{ from: start, to: start + batch.count - from }]
    })
  }

  #learnSlow(nowUs: number): void {
    const { wait, run } = this.#options.meter
    if (nowUs - this.#slowKnownUs < slowEveryUs || run.count < minKnownRecords) return
    this.#slowKnownUs = nowUs
    this.#slowWaitUs = Math.max(minSlowUs, wait.quantileUs(slowFraction))
    this.#slowRunUs = Math.max(minSlowUs, run.quantileUs(slowFraction))
  }
}
