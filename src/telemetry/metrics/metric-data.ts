import { ValueType, type HrTime } from '@opentelemetry/api'
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics'
import { metricTable } from '../../core/metric-table.ts'
import type { MetricDefinition } from '../../core/metric-definition.ts'
import type { Durations, Metric, MetricPoint } from '../../core/metric.ts'
import type { MetricsSetting } from '../../core/telemetry-setting.ts'
import { classicBoundsUs, classicBucketOf } from './classic-buckets.ts'
import { exponentialHistogram } from './exponential-histogram.ts'
import type { ExportTimes } from './push-metrics.ts'

type Form = Pick<MetricsSetting, 'temporality' | 'histograms'>

/** Metrics as the SDK of OpenTelemetry has them. What has grown is sent as a whole, or as what came since. */
export class MetricDataMaker {
  readonly #form: Form
  /** By series, what was sent last; empty where all is sent as a whole. */
  #before = new Map<string, MetricPoint>()
  #beforeMs: number | null = null

  constructor(form: Form) {
    this.#form = form
  }

  make(metrics: readonly Metric[], { startMs, nowMs }: ExportTimes): MetricData[] {
    const isDelta = this.#form.temporality !== 'cumulative'
    const since = { startMs: isDelta ? (this.#beforeMs ?? startMs) : startMs, nowMs }
    return metrics.map(({ name, points }) => {
      const definition: MetricDefinition = metricTable[name]
      const isGauge = definition.instrument === 'gauge'
      const shown = isDelta && !isGauge ? points.map((point) => this.#since(name, point)) : points
      return this.#metricData(
        { name, points: shown },
        definition,
        isGauge ? { startMs, nowMs } : since,
      )
    })
  }

  /** The collector has them: what comes next is what grew since. */
  taken(metrics: readonly Metric[], { nowMs }: ExportTimes): void {
    if (this.#form.temporality === 'cumulative') return
    this.#before = new Map(
      metrics.flatMap(({ name, points }) =>
        points.map((point) => [seriesOf(name, point), point] as const),
      ),
    )
    this.#beforeMs = nowMs
  }

  #since(name: string, point: MetricPoint): MetricPoint {
    const before = this.#before.get(seriesOf(name, point))
    if (before === undefined) return point
    if ('value' in point && 'value' in before)
      return { ...point, value: Math.max(0, point.value - before.value) }
    if ('durations' in point && 'durations' in before)
      return { ...point, durations: grown(before.durations, point.durations) }
    return point
  }

  #metricData(
    { name, points }: Metric,
    definition: MetricDefinition,
    times: ExportTimes,
  ): MetricData {
    const { unit, help, instrument } = definition
    const isDelta = this.#form.temporality !== 'cumulative' && instrument !== 'gauge'
    const base = {
      descriptor: { name, description: help, unit, valueType: ValueType.DOUBLE },
      aggregationTemporality: isDelta
        ? AggregationTemporality.DELTA
        : AggregationTemporality.CUMULATIVE,
    }
    const numbers = () =>
      points.flatMap((point) => ('value' in point ? [dataPoint(point, times, point.value)] : []))
    if (instrument === 'gauge')
      return { ...base, dataPointType: DataPointType.GAUGE, dataPoints: numbers() }
    if (instrument === 'counter')
      return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: numbers() }
    const histograms = points.filter((point) => 'durations' in point)
    if (this.#form.histograms === 'explicit')
      return {
        ...base,
        dataPointType: DataPointType.HISTOGRAM,
        dataPoints: histograms.map((point) => dataPoint(point, times, explicit(point.durations))),
      }
    return {
      ...base,
      dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM,
      dataPoints: histograms.map((point) => dataPoint(point, times, exponential(point.durations))),
    }
  }
}

function dataPoint<Value>(
  { attributes }: MetricPoint,
  { startMs, nowMs }: ExportTimes,
  value: Value,
) {
  return {
    attributes: Object.fromEntries(attributes),
    startTime: hrTime(startMs),
    endTime: hrTime(nowMs),
    value,
  }
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000)
  return [seconds, Math.round((ms - 1_000 * seconds) * 1e6)]
}

function exponential(durations: Durations) {
  const { scale, zeroCount, offset, counts } = exponentialHistogram(durations)
  return {
    count: durations.count,
    sum: durations.sumUs / 1e6,
    scale,
    zeroCount,
    positive: { offset, bucketCounts: [...counts] },
    negative: { offset: 0, bucketCounts: [] },
    max: durations.maxUs / 1e6,
  }
}

function explicit(durations: Durations) {
  const counts = Array.from({ length: classicBoundsUs.length + 1 }, () => 0)
  for (const [lowUs, highUs, count] of durations.buckets)
    counts[classicBucketOf((lowUs + highUs) / 2)]! += count
  const boundaries = classicBoundsUs.map((boundUs) => boundUs / 1e6)
  return {
    buckets: { boundaries, counts },
    count: durations.count,
    sum: durations.sumUs / 1e6,
    max: durations.maxUs / 1e6,
  }
}

function grown(before: Durations, now: Durations): Durations {
  const counts = new Map(before.buckets.map(([lowUs, , count]) => [lowUs, count]))
  return {
    count: now.count - before.count,
    sumUs: Math.max(0, now.sumUs - before.sumUs),
    maxUs: now.maxUs,
    buckets: now.buckets
      .map(([lowUs, highUs, count]) => [lowUs, highUs, count - (counts.get(lowUs) ?? 0)] as const)
      .filter(([, , count]) => count > 0),
  }
}

function seriesOf(name: string, { attributes }: MetricPoint): string {
  return JSON.stringify([name, attributes])
}
