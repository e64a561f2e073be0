import { describe, expect, it } from 'vitest'
import type { Metric } from '../../../src/core/metric.ts'
import { limitSeries, maxSeriesPerMetric } from '../../../src/telemetry/metrics/limit-series.ts'
import { durationsOf } from './a-metric.ts'

function drops(count: number): Metric {
  const points = Array.from({ length: count }, (_, index) => ({
    attributes: [['reason', `step-${index}`]] as const,
    value: 2,
  }))
  return { name: 'millrace.stage.drops', points }
}

describe('series of one metric', () => {
  it('stay as they are up to the limit', () => {
    const metric = drops(maxSeriesPerMetric)
    expect(limitSeries([metric])).toEqual({ metrics: [metric], overflows: 0 })
  })

  it('are added up in one beyond it, and nothing is lost of their sum', () => {
    const { metrics, overflows } = limitSeries([drops(maxSeriesPerMetric + 500)])
    const points = metrics[0]!.points
    expect(points).toHaveLength(maxSeriesPerMetric)
    expect(points.at(-1)).toEqual({
      attributes: [['otel.metric.overflow', 'true']],
      value: 2 * 501,
    })
    expect(overflows).toBe(501)
  })

  it('are added up bucket by bucket where they are durations', () => {
    const points = Array.from({ length: maxSeriesPerMetric + 1 }, (_, index) => ({
      attributes: [['hook.name', `hook-${index}`]] as const,
      durations: durationsOf([1_000, 1_000 * (index + 1)]),
      exemplars: [],
    }))
    const { metrics } = limitSeries([{ name: 'millrace.hook.duration', points }])
    const last = metrics[0]!.points.at(-1)!
    expect(last).toMatchObject({ durations: { count: 4, maxUs: 1_000 * (maxSeriesPerMetric + 1) } })
    const buckets = 'durations' in last ? last.durations.buckets : []
    expect(buckets.reduce((sum, [, , count]) => sum + count, 0)).toBe(4)
    expect(buckets[0]![2]).toBe(2)
  })
})
