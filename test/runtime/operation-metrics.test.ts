import { describe, expect, it } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import type { Attributes, Metric, MetricName } from '../../src/core/metric.ts'
import { LatencyHistogram } from '../../src/runtime/latency-histogram.ts'
import { OperationMeter } from '../../src/runtime/operation-meter.ts'
import { runMetrics } from '../../src/runtime/run-metrics.ts'
import { SliceStats } from '../../src/runtime/slice-stats.ts'
import { StageMeter } from '../../src/runtime/stage-meter.ts'
import { Departures } from '../../src/runtime/departures.ts'
import { encodeTimings } from '../../src/runtime/timings-record.ts'
import type { Run } from '../../src/runtime/start-run.ts'
import { at, startMs } from '../simulation/pipeline-fixture.ts'
import { plannedSink, plannedSource, RunBench, turns, until } from './run-fixture.ts'

const upTo = (count: number) => Array.from({ length: count }, (_, n) => ({ n, c: n % 3 }))

async function metricsOf(run: Run, nowUs = 0): Promise<readonly Metric[]> {
  return runMetrics([await run.part()], { system: 'millrace', nowUs, exemplars: () => [] })
}

/** Values, or counts of durations, by the attributes beside those that say where. */
function valuesOf(
  metrics: readonly Metric[],
  name: MetricName,
  part: string,
): Record<string, number> {
  const points = metrics.find((metric) => metric.name === name)?.points ?? []
  const own = points.filter(({ attributes }) => valueOf(attributes, 'millrace.stage.part') === part)
  return Object.fromEntries(
    own.map((point) => [
      point.attributes
        .filter(([key]) => !/^millrace\.(?:name|stage)|^messaging\.system/.test(key))
        .map(([, value]) => value)
        .join(' '),
      'value' in point ? point.value : point.durations.count,
    ]),
  )
}

function valueOf(attributes: Attributes, name: string): string | undefined {
  return attributes.find(([key]) => key === name)?.[1]
}

const copy = `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    key: value.n
    to: raw
  - name: clean
    from: raw
    steps: [ { require: value.n % 5 != 0 } ]
    to: clean
  - name: show
    from: clean
    retry: { max: 3, backoff: { initial: 100ms, max: 1s } }
    sink: { kept: 1 }
`

describe('the metrics of what tasks wait for', () => {
  it('count records sent by topic, dead letters too, and one operation for each slice', async () => {
    const bench = new RunBench()
    const sink = plannedSink('kept', () => [])
    const source = plannedSource('numbers', { values: upTo(50), sliceSize: 10 }, bench.clock)
    const topology = bench.topology(copy, {
      sources: [source],
      sinks: [sink.definition],
      partitions: 1,
    })
    const run = await bench.start([topology])
    await run.done
    const metrics = await metricsOf(run)
    const sent = (part: string) => valuesOf(metrics, 'messaging.client.sent.messages', part)
    expect(sent('ingest')).toEqual({ 'send raw': 50 })
    expect(sent('clean')).toEqual({ 'send clean': 40, 'send p.clean.dlq': 10 })
    // What a sink takes is sent to no topic.
    expect(sent('show')).toEqual({})
    const slices = (part: string) => valuesOf(metrics, 'millrace.stage.slices', part)['']!
    const operations = (part: string) =>
      valuesOf(metrics, 'messaging.client.operation.duration', part)
    expect(operations('ingest')).toEqual({ poll: 5, commit: 5 })
    expect(slices('ingest')).toBe(5)
    const { poll, send, commit, ...others } = operations('show')
    expect(others).toEqual({})
    expect(commit).toBe(slices('show'))
    expect(send).toBe(sink.attempts())
    expect(poll).toBe(commit)
    expect(valuesOf(metrics, 'millrace.stage.retries', 'show')).toEqual({})
    expect(valuesOf(metrics, 'millrace.stage.inflight', 'show')).toEqual({ '': 0 })
  })

  it('count what sources and sinks refuse under the stage, in all processes, however it ends', async () => {
    const bench = new RunBench()
    const sink = plannedSink('kept', () => [])
    const planned = plannedSource('numbers', { values: upTo(3), sliceSize: 10 }, bench.clock)
    const source: typeof planned = {
      ...planned,
      create: (config, environment, positions) => {
        environment.dropped?.('too_large')
        environment.dropped?.('skipped_push', 4)
        return planned.create(config, environment, positions)
      },
    }
    const topology = bench.topology(copy, {
      sources: [source],
      sinks: [sink.definition],
      partitions: 1,
    })
    const run = await bench.start([topology])
    await run.done
    const part = await run.part()
    const options = { system: 'millrace', nowUs: 0, exemplars: () => [] } as const
    const drops = valuesOf(runMetrics([part, part], options), 'millrace.endpoint.drops', 'ingest')
    expect(drops).toEqual({ too_large: 2, skipped_push: 8 })
  })

  it('count no markers as sent records, and markers not as records in flight', async () => {
    const bench = new RunBench()
    const values = upTo(30).map(({ n, c }) => ({ c, ts: at(n) }))
    const source = plannedSource('numbers', { values, sliceSize: 5 }, bench.clock)
    const text = `
pipeline: p
stages:
  - { name: ingest, source: { numbers: 1 }, to: raw }
  - name: totals
    from: raw
    event_time: value.ts
    steps: [ { aggregate: { window: { tumbling: 10s }, by: value.c, fields: { n: count() } } } ]
    to: totals
`
    const run = await bench.start([bench.topology(text, { sources: [source], partitions: 2 })])
    await run.done
    const metrics = await metricsOf(run)
    const parts = metrics
      .find(({ name }) => name === 'messaging.client.sent.messages')!
      .points.map(({ attributes }) => valueOf(attributes, 'millrace.stage.part')!)
    const [between] = parts.filter((part) => !['ingest', 'totals'].includes(part))
    expect(Object.values(valuesOf(metrics, 'messaging.client.sent.messages', between!))).toEqual([
      30,
    ])
    // Three windows of three groups.
    expect(valuesOf(metrics, 'messaging.client.sent.messages', 'totals')).toEqual({
      'send totals': 9,
    })
    for (const { points } of metrics.filter(({ name }) => name === 'millrace.stage.inflight'))
      expect(points.map((point) => 'value' in point && point.value)).toEqual([0, 0, 0])
  })

  it('count attempts of a sink that is away and one that refuses, by error', async () => {
    const bench = new RunBench()
    const sink = plannedSink('kept', (_batch, attempt) => {
      if (attempt <= 4) throw new PipelineError('PEER_UNAVAILABLE', 'no answer')
      if (attempt <= 6) throw new PipelineError('PEER_REJECTED', 'no')
      return []
    })
    const source = plannedSource('numbers', { values: upTo(8), sliceSize: 8 }, bench.clock)
    const topology = bench.topology(copy, {
      sources: [source],
      sinks: [sink.definition],
      partitions: 1,
    })
    const run = await bench.start([topology])
    await until(() => sink.attempts() > 0)
    await turns(50)
    const before = await metricsOf(run)
    // Nothing is committed yet: retries show at once, and what is in flight is.
    expect(valuesOf(before, 'millrace.stage.inflight', 'show')).toEqual({ '': 6 })
    await bench.clock.advance(60_000)
    await run.done
    const metrics = await metricsOf(run)
    expect(valuesOf(metrics, 'millrace.stage.retries', 'show')).toEqual({
      PEER_UNAVAILABLE: 4,
      PEER_REJECTED: 2,
    })
    expect(valuesOf(metrics, 'messaging.client.operation.duration', 'show')).toMatchObject({
      send: 1,
      'send PEER_UNAVAILABLE': 4,
      'send PEER_REJECTED': 2,
    })
  })

  it('count attempts of a source that is away', async () => {
    const bench = new RunBench()
    let misses = 3
    const before = () => {
      if (misses-- > 0) throw new PipelineError('PEER_UNAVAILABLE', 'no answer')
    }
    const plan = { values: upTo(8), sliceSize: 8, before }
    const topology = bench.topology(copy, {
      sources: [plannedSource('numbers', plan, bench.clock)],
      sinks: [plannedSink('kept', () => []).definition],
    })
    const run = await bench.start([topology])
    await until(() => misses < 3)
    await turns(20)
    await bench.clock.advance(600_000)
    await run.done
    const metrics = await metricsOf(run)
    expect(valuesOf(metrics, 'millrace.stage.retries', 'ingest')).toEqual({ PEER_UNAVAILABLE: 3 })
    expect(valuesOf(metrics, 'messaging.client.operation.duration', 'ingest')).toEqual({
      'poll PEER_UNAVAILABLE': 3,
      poll: 1,
      commit: 1,
    })
  })

  it('are added up over processes', () => {
    const one = new OperationMeter()
    one.retried('PEER_UNAVAILABLE')
    one.emitted(3)
    one.waited(500, 1_000)
    one.waited(500, 0)
    const all = new OperationMeter()
    all.addData(one.toData())
    all.addData(structuredClone(one.toData()))
    expect(all.toData()).toMatchObject({
      retries: [['PEER_UNAVAILABLE', 2]],
      windows: 6,
      waitRatio: { count: 2, sumUs: 1_000_000 },
    })
  })

  it('are no part of the history of reports', () => {
    const meter = new StageMeter()
    meter.operations.retried('PEER_UNAVAILABLE')
    meter.age.add(5)
    const line = encodeTimings({
      worker: 'w',
      runUs: 0,
      fromUs: 0,
      toUs: 1,
      pipeline: 'p',
      outcome: 'running',
      order: 0,
      hooks: [],
      node: {
        id: 'a',
        stage: 'a',
        role: 'cleaning',
        phase: 'working',
        tasks: 1,
        tasksRun: ['p.a/0'],
        lag: 0,
        meter: meter.toData(),
      },
    })
    const stored = JSON.parse(line) as { meter: object }
    expect(Object.keys(stored.meter)).not.toContain('operations')
    expect(Object.keys(stored.meter)).not.toContain('age')
  })
})

describe('the ratio of measured and predicted wait', () => {
  it('is 1 where records are served one after the other, of each slice with anything ahead', () => {
    const meter = new StageMeter()
    const departures = new Departures(0)
    // All arrive at 0; each is a slice of its own that takes 1 ms: it waits for those before it.
    for (let index = 0; index < 10; index++) {
      const stats = new SliceStats(1)
      stats.addRecord(1_000 * index, 1_000, 1_000 * (index + 1))
      meter.addSlice(stats, 1_000 * (index + 1), departures)
    }
    const { waitRatio } = meter.operations.toData()
    expect(waitRatio.count).toBe(9)
    expect(waitRatio.sumUs / waitRatio.count).toBeCloseTo(1_000_000, 3)
    const ratios = new LatencyHistogram()
    ratios.addData(waitRatio)
    expect(ratios.quantileUs(0.5)).toBeCloseTo(1e6, -5)
  })
})

describe('the metrics of windows', () => {
  const text = `
pipeline: p
stages:
  - { name: ingest, source: { numbers: 1 }, to: raw }
  - name: totals
    from: raw
    event_time: value.ts
    steps:
      - aggregate:
          window: { tumbling: 10s, grace: 0s }
          by: value.c
          at_end: keep
          fields: { n: count() }
    to: totals
`

  it('tell what is open, what came out, what came too late, and how far the watermark is', async () => {
    const bench = new RunBench()
    const seconds = [1, 2, 9, 11, 12, 25, 3, 4, 26]
    const values = seconds.map((second, n) => ({ c: n % 2, ts: at(second) }))
    const source = plannedSource('numbers', { values, sliceSize: 1, bounded: false }, bench.clock)
    const topology = bench.topology(text, { sources: [source], partitions: 1 })
    const run = await bench.start([topology])
    const totals = async () => {
      const metrics = await metricsOf(run, 1_000 * (startMs + 60_000))
      return (name: MetricName) => valuesOf(metrics, name, 'totals')['']
    }
    await until(async () => (await totals())('millrace.window.late') === 2)
    await turns(50)
    const value = await totals()
    // Of 0-10 s two groups, of 10-20 s two; of 20-30 s two are open.
    expect(value('millrace.window.emitted')).toBe(4)
    expect(value('millrace.window.late')).toBe(2)
    expect(value('millrace.window.open')).toBe(2)
    expect(value('millrace.window.state.size')).toBeGreaterThan(2 * '1767225620000|'.length)
    expect(value('millrace.window.watermark.lag')).toBe(60 - 26)
    bench.stop()
    await run.done
  })

  it('are not there for a stage without windows', async () => {
    const bench = new RunBench()
    const source = plannedSource('numbers', { values: upTo(4), sliceSize: 2 }, bench.clock)
    const sink = plannedSink('kept', () => [])
    const run = await bench.start([
      bench.topology(copy, { sources: [source], sinks: [sink.definition] }),
    ])
    await run.done
    const names = (await metricsOf(run)).map(({ name }) => name)
    expect(names.filter((name) => name.startsWith('millrace.window'))).toEqual([])
  })
})
