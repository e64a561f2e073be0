import { describe, expect, it } from 'vitest'
import type { Metric, MetricName, MetricPoint } from '../../src/core/metric.ts'
import { metricTable } from '../../src/core/metric-table.ts'
import { HookMeter } from '../../src/runtime/hook-meter.ts'
import { runMetrics } from '../../src/runtime/run-metrics.ts'
import type { NodePart, PipelinePart } from '../../src/runtime/run-part.ts'
import { SliceStats } from '../../src/runtime/slice-stats.ts'
import { StageMeter } from '../../src/runtime/stage-meter.ts'

const nowUs = 5_000_000

/** A worker's part of the stage `clean`, with so many records of 1 ms that waited 9 ms each. */
function part(records: number, more: Partial<NodePart> = {}): PipelinePart {
  const stats = new SliceStats(records)
  for (let index = 0; index < records; index++) stats.addRecord(9_000, 1_000, 1_000_000)
  stats.queueUs = 9_000 * records
  stats.dispositions[1] = records
  stats.drops = new Map([['filter', 2]])
  stats.addFailure('RECORD_CAST')
  const meter = new StageMeter()
  meter.addSlice(stats, 1_000_000)
  const node: NodePart = {
    id: 'clean',
    stage: 'clean',
    role: 'cleaning',
    phase: 'working',
    tasks: 4,
    tasksRun: [],
    lag: 0,
    meter: meter.toData(),
    ...more,
  }
  return { pipeline: 'shop', outcome: 'running', error: null, nodes: [node] }
}

function measured(...parts: readonly PipelinePart[]): readonly Metric[] {
  return runMetrics(
    parts.map((each) => [each]),
    { system: 'millrace', nowUs, exemplars: () => [] },
  )
}

function points(metrics: readonly Metric[], name: MetricName): readonly MetricPoint[] {
  return metrics.find((metric) => metric.name === name)?.points ?? []
}

function values(metrics: readonly Metric[], name: MetricName): unknown[] {
  return points(metrics, name).map((point) =>
    'value' in point ? point.value : point.durations.count,
  )
}

describe('the metrics of a run', () => {
  it('are T and D in seconds, over n records', () => {
    const metrics = measured(part(100))
    expect(values(metrics, 'messaging.client.consumed.messages')).toEqual([100])
    expect(values(metrics, 'millrace.stage.busy.time')).toEqual([0.1])
    const [wait] = points(metrics, 'millrace.stage.wait.duration')
    expect(wait).toMatchObject({ durations: { count: 100, sumUs: 900_000, maxUs: 9_000 } })
    expect(values(metrics, 'millrace.stage.wait.time')).toEqual([0.9, 0, 0, 0])
  })

  it('have the time from end to end where a sink has taken records', () => {
    const { meter } = part(1).nodes[0]!
    const age = { count: 3, sumUs: 60_000, maxUs: 40_000, buckets: [[450, 3]] as const }
    expect(points(measured(part(1)), 'millrace.message.duration')).toEqual([])
    const metrics = measured(part(1, { meter: { ...meter, age } }), part(1))
    expect(points(metrics, 'millrace.message.duration')[0]).toMatchObject({
      durations: { count: 3, sumUs: 60_000 },
    })
  })

  it('are added up over processes, but what each knows of the whole', () => {
    const metrics = measured(part(100), part(50))
    expect(values(metrics, 'messaging.process.duration')).toEqual([150])
    expect(values(metrics, 'millrace.stage.drops')).toEqual([4])
    expect(values(metrics, 'millrace.stage.concurrency')).toEqual([4])
  })

  it('are blocked when one task is, wherever it runs', () => {
    expect(
      values(measured(part(1), part(1, { phase: 'blocked' })), 'millrace.stage.blocked'),
    ).toEqual([1])
  })

  it('have a lag by input partition, in records and seconds', () => {
    const input = { topic: 'shop.raw', partition: 3 }
    const metrics = measured(
      part(1, {
        backlog: [
          { ...input, records: 7, sinceUs: 2_000_000 },
          { ...input, partition: 4, records: 0, sinceUs: 1_000_000 },
          { topic: null, partition: 0, records: 9, sinceUs: Number.NaN },
        ],
      }),
    )
    expect(values(metrics, 'millrace.stage.backlog')).toEqual([7, 0, 9])
    expect(values(metrics, 'millrace.stage.lag.time')).toEqual([3, 0])
    expect(points(metrics, 'millrace.stage.lag.time')[0]!.attributes).toContainEqual([
      'messaging.destination.partition.id',
      '3',
    ])
  })

  it('tell a pipeline that runs from one that has failed', () => {
    const failed = { ...part(1), outcome: 'failed' } as const
    expect(values(measured(part(1)), 'millrace.pipeline.up')).toEqual([1])
    const [up] = points(measured(part(1), failed), 'millrace.pipeline.up')
    expect(up).toEqual({
      attributes: [
        ['millrace.name', 'shop'],
        ['outcome', 'failed'],
      ],
      value: 0,
    })
  })

  it('have the events of hooks, by listener and event', () => {
    const meter = new HookMeter('batch_processed', 'log')
    meter.queued(0, 0)
    meter.started(0, 1_000, 1)
    meter.ended(0, 1_000, 3_000)
    meter.delivered = 1
    meter.timedOut = 2
    const hooks = [{ stage: 'clean', meter: meter.toData() }]
    const metrics = measured({ ...part(1), hooks }, { ...part(1), hooks })
    expect(points(metrics, 'millrace.hook.duration')[0]).toMatchObject({
      durations: { count: 2, sumUs: 4_000 },
    })
    expect(points(metrics, 'millrace.hook.wait.duration')[0]).toMatchObject({
      durations: { sumUs: 2_000 },
    })
    expect(values(metrics, 'millrace.hook.events')).toEqual([2, 0, 4, 0, 0])
    expect(values(metrics, 'millrace.hook.errors')).toEqual([0, 4, 0, 0])
  })

  it('have no attribute that the table does not name', () => {
    const wrong = measured(
      part(3, { backlog: [{ topic: 't', partition: 0, records: 1, sinceUs: 0 }] }),
    ).flatMap(({ name, points: all }) =>
      all.flatMap(({ attributes }) =>
        attributes
          .filter(
            ([attribute]) =>
              !(metricTable[name].attributes as readonly string[]).includes(attribute),
          )
          .map(([attribute]) => `${name}: ${attribute}`),
      ),
    )
    expect(wrong).toEqual([])
  })
})
