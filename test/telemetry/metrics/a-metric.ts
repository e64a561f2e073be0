import type { DurationBucket, Durations, Metric, MetricPoint } from '../../../src/core/metric.ts'
import { bucketRangeUs, LatencyHistogram } from '../../../src/runtime/latency-histogram.ts'

/** Durations as a histogram of the runtime holds them. */
export function durationsOf(valuesUs: readonly number[]): Durations {
  const histogram = new LatencyHistogram()
  for (const us of valuesUs) histogram.add(us)
  const { count, sumUs, maxUs, buckets } = histogram.toData()
  return {
    count,
    sumUs,
    maxUs,
    buckets: buckets.map(([index, inBucket]): DurationBucket => {
      const { lowUs, highUs } = bucketRangeUs(index)
      return [lowUs, highUs, inBucket]
    }),
  }
}

/** How long records waited at a stage. */
export function waits(valuesUs: readonly number[], more: Partial<MetricPoint> = {}): Metric {
  const point = {
    attributes: [['millrace.stage.name', 'clean']] as const,
    durations: durationsOf(valuesUs),
    exemplars: [],
    ...more,
  }
  return { name: 'millrace.stage.wait.duration', points: [point] }
}
