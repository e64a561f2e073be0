import type {
  Attributes,
  Durations,
  Exemplar,
  Metric,
  MetricName,
  MetricPoint,
} from '../core/metric.ts'
import { dispositions, type Disposition } from '../core/operator.ts'
import { HookMeter } from './hook-meter.ts'
import { bucketRangeUs, type HistogramData } from './latency-histogram.ts'
import type { HookPart, NodePart, PipelinePart, RunPart } from './run-part.ts'
import type { Operation } from './operation-meter.ts'
import { StageMeter, type MeterData } from './stage-meter.ts'
import type { KeptState } from './step-chain.ts'
import type { InputBacklog } from './task-input.ts'

export interface RunMetricsOptions {
  /** What topics are kept in, as OpenTelemetry names it. */
  readonly system: 'kafka' | 'millrace'
  readonly nowUs: number
  /** Of traced records, by `<pipeline>/<part of a stage>`. */
  readonly exemplars: (place: string, measured: 'run' | 'wait') => readonly Exemplar[]
}

/** What users call what became of a record. */
const outcomes: Readonly<Record<Disposition, string>> = {
  dead_lettered: 'dlq',
  emitted: 'ok',
  absorbed: 'absorbed',
  late: 'late',
  deduplicated: 'deduplicated',
  filtered: 'filtered',
  skipped: 'dropped',
}

/** The metrics of a run, of what one or several processes measured of it. Nothing of it costs while records run. */
export function runMetrics(parts: readonly RunPart[], options: RunMetricsOptions): Metric[] {
  const pipelines = parts.flat()
  const points = new PointLists()
  for (const [name, own] of Map.groupBy(pipelines, ({ pipeline }) => pipeline)) {
    addOutcome(points, name, own)
    const nodes = own.flatMap((part) => part.nodes)
    for (const [, same] of Map.groupBy(nodes, ({ id }) => id))
      new NodePoints(points, mergedNode(name, same), options).add()
    addHooks(
      points,
      name,
      own.flatMap(({ hooks = [] }) => hooks),
    )
  }
  return points.metrics()
}

/** The events of listeners, over all processes. */
function addHooks(points: PointLists, pipeline: string, hooks: readonly HookPart[]): void {
  const byHook = Map.groupBy(hooks, ({ stage, meter: { listener, event } }) =>
    JSON.stringify([stage, listener, event]),
  )
  for (const [, same] of byHook) {
    const { stage, meter } = same[0]!
    const sum = new HookMeter(meter.event, meter.listener)
    for (const { meter: each } of same) sum.addData(each)
    const base: Attributes = [
      ['millrace.name', pipeline],
      ['millrace.stage.name', stage],
      ['hook.name', meter.listener],
      ['hook.event', meter.event],
    ]
    const durations = { 'millrace.hook.duration': sum.run, 'millrace.hook.wait.duration': sum.wait }
    for (const [name, histogram] of Object.entries(durations))
      points.addPoint(name as keyof typeof durations, {
        attributes: base,
        durations: durationsOf(histogram.toData()),
        exemplars: [],
      })
    const errors = { failed: sum.failed, timed_out: sum.timedOut, dropped: sum.dropped }
    for (const [outcome, count] of Object.entries({ delivered: sum.delivered, ...errors }))
      points.add('millrace.hook.events', [...base, ['outcome', outcome]], count)
    for (const [type, count] of Object.entries(errors))
      points.add('millrace.hook.errors', [...base, ['error.type', type]], count)
  }
}

function addOutcome(points: PointLists, name: string, own: readonly PipelinePart[]): void {
  const found = own.map(({ outcome }) => outcome)
  const outcome =
    (['failed', 'running', 'completed', 'stopped'] as const).find((each) => found.includes(each)) ??
    'stopped'
  const attributes = [
    ['millrace.name', name],
    ['outcome', outcome],
  ] as const
  points.add('millrace.pipeline.up', attributes, outcome === 'running' ? 1 : 0)
}

/** One part of a stage in all processes. */
interface MergedNode {
  readonly place: string
  readonly base: Attributes
  readonly tasks: number
  readonly isBlocked: boolean
  readonly meter: MeterData
  readonly backlog: readonly InputBacklog[]
  readonly inflight: number
  readonly kept: readonly KeptState[]
}

function mergedNode(pipeline: string, nodes: readonly NodePart[]): MergedNode {
  const { id, stage, tasks } = nodes[0]!
  return {
    place: `${pipeline}/${id}`,
    base: [
      ['millrace.name', pipeline],
      ['millrace.stage.name', stage],
      ['millrace.stage.part', id],
    ],
    tasks,
    isBlocked: nodes.some(({ phase }) => phase === 'blocked'),
    meter: mergedMeter(nodes),
    backlog: nodes.flatMap(({ backlog }) => backlog ?? []),
    inflight: nodes.reduce((sum, { inflight = 0 }) => sum + inflight, 0),
    kept: nodes.flatMap(({ kept }) => kept ?? []),
  }
}

function mergedMeter(nodes: readonly NodePart[]): MeterData {
  if (nodes.length === 1) return nodes[0]!.meter
  const meter = new StageMeter()
  for (const node of nodes) meter.addData(node.meter)
  return meter.toData()
}

class NodePoints {
  readonly #points: PointLists
  readonly #node: MergedNode
  readonly #options: RunMetricsOptions

  constructor(points: PointLists, node: MergedNode, options: RunMetricsOptions) {
    this.#points = points
    this.#node = node
    this.#options = options
  }

  add(): void {
    this.#addDurations()
    this.#addCounts()
    this.#addService()
    this.#addBacklog()
    this.#addOperations()
    this.#addWindows()
  }

  #addDurations(): void {
    const { meter, place } = this.#node
    const { exemplars } = this.#options
    this.#durations('messaging.process.duration', this.#messaging('process'), {
      data: meter.run,
      exemplars: exemplars(place, 'run'),
    })
    this.#durations('millrace.stage.wait.duration', [], {
      data: meter.wait,
      exemplars: exemplars(place, 'wait'),
    })
    if (meter.age !== undefined && meter.age.count > 0)
      this.#durations('millrace.message.duration', [], { data: meter.age, exemplars: [] })
    this.#number('millrace.stage.busy.time', seconds(meter.run.sumUs))
    const standing = {
      call: meter.callsUs,
      sink: meter.sinkUs,
      pause: meter.pausedUs,
      commit: meter.blockedUs,
    }
    for (const [part, us] of Object.entries(standing))
      this.#number('millrace.backpressure.time', seconds(us), [['millrace.wait.part', part]])
    const { queueUs, batchUs, backoffUs, commitUs } = meter
    const waiting = { queue: queueUs, batch: batchUs, backoff: backoffUs, commit: commitUs }
    for (const [part, us] of Object.entries(waiting))
      this.#number('millrace.stage.wait.time', seconds(us), [['millrace.wait.part', part]])
  }

  #addCounts(): void {
    const { meter, tasks, isBlocked } = this.#node
    this.#number('messaging.client.consumed.messages', meter.run.count, this.#messaging('process'))
    this.#number('millrace.stage.io', meter.bytes)
    for (const [index, disposition] of dispositions.entries()) {
      const outcome = [['outcome', outcomes[disposition]]] as const
      this.#number('millrace.stage.messages', meter.dispositions[index] ?? 0, outcome)
    }
    for (const [step, count] of meter.drops)
      this.#number('millrace.stage.drops', count, [['reason', step]])
    for (const [code, count] of meter.failures)
      this.#number('millrace.stage.failures', count, [['error.type', code]])
    this.#number('millrace.stage.made', meter.made)
    this.#number('millrace.dlq.messages', this.#became('dead_lettered') + meter.madeDeadLettered)
    this.#number('millrace.stage.slices', meter.slices)
    this.#number('millrace.clock.skew.clamped', meter.skewed)
    this.#number('millrace.stage.concurrency', tasks)
    this.#number('millrace.stage.blocked', isBlocked ? 1 : 0)
  }

  #addService(): void {
    const { busyUs, ahead, aheadOf } = this.#node.meter
    this.#number('millrace.stage.service.time', seconds(busyUs))
    this.#number('millrace.stage.ahead', ahead)
    if (aheadOf === 0) return
    const serviceUs = busyUs / aheadOf
    this.#number('millrace.stage.service_time', seconds(serviceUs))
    this.#number('millrace.stage.wait.predicted', seconds((ahead / aheadOf) * serviceUs))
  }

  #addBacklog(): void {
    const { nowUs } = this.#options
    for (const { topic, partition, records, sinceUs } of this.#node.backlog) {
      const input: Attributes =
        topic === null
          ? []
          : [
              ['messaging.destination.name', topic],
              ['messaging.destination.partition.id', String(partition)],
            ]
      this.#number('millrace.stage.backlog', records, input)
      const ageUs = records === 0 ? 0 : nowUs - sinceUs
      if (Number.isNaN(ageUs)) continue
      this.#number('millrace.stage.lag.time', seconds(Math.max(0, ageUs)), input)
    }
  }

  #addOperations(): void {
    const { meter, inflight } = this.#node
    this.#number('millrace.stage.inflight', inflight)
    if (meter.operations === undefined) return
    const { durations, waitRatio, sent, retries, replayed, endpointDrops } = meter.operations
    for (const [operation, error, data] of durations) {
      const errorType: Attributes = error === null ? [] : [['error.type', error]]
      const attributes = [...this.#messaging(operation), ...errorType]
      this.#durations('messaging.client.operation.duration', attributes, { data, exemplars: [] })
    }
    for (const [topic, count] of sent)
      this.#number('messaging.client.sent.messages', count, [
        ...this.#messaging('send'),
        ['messaging.destination.name', topic],
      ])
    this.#number('millrace.dlq.replayed', replayed)
    for (const [code, count] of retries)
      this.#number('millrace.stage.retries', count, [['error.type', code]])
    for (const [drop, count] of endpointDrops ?? [])
      this.#number('millrace.endpoint.drops', count, [['reason', drop]])
    if (waitRatio.count > 0)
      this.#durations('millrace.stage.wait.error_ratio', [], { data: waitRatio, exemplars: [] })
  }

  #addWindows(): void {
    const { kept, meter } = this.#node
    const windowed = kept.flatMap(({ openWindows }) => openWindows ?? [])
    const emitted = meter.operations?.windows ?? 0
    const late = this.#became('late')
    if (windowed.length > 0 || emitted + late > 0) {
      this.#number('millrace.window.emitted', emitted)
      this.#number('millrace.window.late', late)
    }
    if (windowed.length > 0) this.#number('millrace.window.open', sumOf(windowed))
    if (kept.length === 0) return
    this.#number('millrace.window.state.size', sumOf(kept.map(({ bytes }) => bytes)))
    const watermarkMs = Math.min(...kept.map((state) => state.watermarkMs))
    // Nothing is known before each task has seen an event time.
    if (!Number.isFinite(watermarkMs)) return
    const lagUs = this.#options.nowUs - 1_000 * watermarkMs
    this.#number('millrace.window.watermark.lag', seconds(Math.max(0, lagUs)))
  }

  #became(disposition: Disposition): number {
    return this.#node.meter.dispositions[dispositions.indexOf(disposition)] ?? 0
  }

  #messaging(operation: 'process' | Operation): Attributes {
    return [
      ['messaging.system', this.#options.system],
      ['messaging.operation.name', operation],
    ]
  }

  #number(name: MetricName, value: number, attributes: Attributes = []): void {
    this.#points.add(name, [...this.#node.base, ...attributes], value)
  }

  #durations(
    name: MetricName,
    attributes: Attributes,
    of: { readonly data: HistogramData; readonly exemplars: readonly Exemplar[] },
  ): void {
    this.#points.addPoint(name, {
      attributes: [...this.#node.base, ...attributes],
      durations: durationsOf(of.data),
      exemplars: of.exemplars,
    })
  }
}

function durationsOf({ count, sumUs, maxUs, buckets }: HistogramData): Durations {
  return {
    count,
    // Clock skew makes single durations negative; no sum of durations is.
    sumUs: Math.max(0, sumUs),
    maxUs,
    buckets: buckets.map(([index, inBucket]) => {
      const { lowUs, highUs } = bucketRangeUs(index)
      return [lowUs, highUs, inBucket]
    }),
  }
}

/** Points by metric, in the order of their first ones. */
class PointLists {
  readonly #lists = new Map<MetricName, MetricPoint[]>()

  add(name: MetricName, attributes: Attributes, value: number): void {
    this.addPoint(name, { attributes, value })
  }

  addPoint(name: MetricName, point: MetricPoint): void {
    const list = this.#lists.get(name)
    if (list === undefined) this.#lists.set(name, [point])
    else list.push(point)
  }

  metrics(): Metric[] {
    return this.#lists
      .entries()
      .map(([name, points]) => ({ name, points }))
      .toArray()
  }
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0)
}

function seconds(us: number): number {
  return us / 1e6
}
