import type { Attributes, Durations, Metric, MetricPoint } from '../../core/metric.ts'

/**
 * Series of one metric. What comes beyond is added up into one with the attribute that OpenTelemetry
 * has for it; of values that cannot be added up, as gauges, the first ones are kept.
 */
export const maxSeriesPerMetric = 2_000
const overflow: Attributes = [['otel.metric.overflow', 'true']]

export function limitSeries(metrics: readonly Metric[]): {
  readonly metrics: readonly Metric[]
  readonly overflows: number
} {
  let overflows = 0
  const limited = metrics.map((metric) => {
    const over = metric.points.slice(maxSeriesPerMetric - 1)
    if (over.length <= 1) return metric
    overflows += over.length
    return { ...metric, points: [...metric.points.slice(0, maxSeriesPerMetric - 1), summed(over)] }
  })
  return { metrics: limited, overflows }
}

function summed(points: readonly MetricPoint[]): MetricPoint {
  const durations = points.flatMap((point) => ('durations' in point ? [point.durations] : []))
  if (durations.length > 0)
    return { attributes: overflow, durations: durations.reduce(addedUp), exemplars: [] }
  const value = points.reduce((sum, point) => sum + ('value' in point ? point.value : 0), 0)
  return { attributes: overflow, value }
}

function addedUp(left: Durations, right: Durations): Durations {
  const counts = new Map<number, { highUs: number; count: number }>()
  for (const [lowUs, highUs, count] of [...left.buckets, ...right.buckets])
    counts.set(lowUs, { highUs, count: (counts.get(lowUs)?.count ?? 0) + count })
  return {
    count: left.count + right.count,
    sumUs: left.sumUs + right.sumUs,
    maxUs: Math.max(left.maxUs, right.maxUs),
    buckets: [...counts]
      .toSorted(([a], [b]) => a - b)
      .map(([lowUs, { highUs, count }]) => [lowUs, highUs, count] as const),
  }
}
