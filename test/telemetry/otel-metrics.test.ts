import { afterEach, describe, expect, it } from 'vitest'
import type { Metric } from '../../src/core/metric.ts'
import { telemetrySetting } from '../../src/core/telemetry-setting.ts'
import type { MetricsExporter } from '../../src/telemetry/metrics/push-metrics.ts'
import { openMetricsExporter } from '../../src/telemetry/otel-metrics.ts'
import { waits } from './metrics/a-metric.ts'
import { metricsOf } from './otlp-metrics.ts'
import { startOtlpReceiver, type OtlpReceiver } from './otlp-receiver.ts'

const opened: { close(): Promise<void> }[] = []
const times = { startMs: 1_700_000_000_000, nowMs: 1_700_000_001_500 }

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close()
})

async function exporterTo(
  protocol: 'http/protobuf' | 'grpc',
  env: Readonly<Record<string, string>> = {},
): Promise<{ exporter: MetricsExporter; receiver: OtlpReceiver }> {
  const receiver = await startOtlpReceiver(protocol)
  const { setting } = telemetrySetting({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_TIMEOUT: '400',
    ...env,
  })
  const exporter = await openMetricsExporter({
    otlp: setting.metrics.otlp!,
    setting: setting.metrics,
    resource: [['service.name', 'shop']],
    version: '1.2.3',
  })
  opened.push(exporter, receiver)
  return { exporter, receiver }
}

function busy(seconds: number): Metric {
  return {
    name: 'millrace.stage.busy.time',
    points: [{ attributes: [['millrace.stage.name', 'clean']], value: seconds }],
  }
}

function received({ requests }: OtlpReceiver) {
  return requests.map(({ body }) => new Map(metricsOf(body).map((each) => [each.name, each])))
}

describe('metrics by OTLP', () => {
  it.each(['http/protobuf', 'grpc'] as const)('come as they are over %s', async (protocol) => {
    const { exporter, receiver } = await exporterTo(protocol)
    const backlog: Metric = {
      name: 'millrace.stage.backlog',
      points: [{ attributes: [], value: 7 }],
    }
    const all = [busy(1.5), backlog, waits([1_000, 1_000, 16_000])]
    expect(await exporter.export(all, times)).toBe(true)
    const [metrics] = received(receiver)
    expect(metrics!.get('millrace.stage.busy.time')).toMatchObject({
      kind: 'sum',
      unit: 's',
      temporality: 2,
      resource: { 'service.name': 'shop' },
      points: [{ value: 1.5, attributes: { 'millrace.stage.name': 'clean' } }],
    })
    expect(metrics!.get('millrace.stage.backlog')).toMatchObject({
      kind: 'gauge',
      points: [{ value: 7 }],
    })
    const wait = metrics!.get('millrace.stage.wait.duration')!
    expect(wait).toMatchObject({
      kind: 'exponential',
      points: [{ count: 3, sum: 0.018, scale: 5 }],
    })
    const [{ startNs, timeNs, counts, offset }] = wait.points as [(typeof wait.points)[number]]
    expect([startNs, timeNs]).toEqual([1_700_000_000_000_000_000n, 1_700_000_001_500_000_000n])
    // Four octaves of 32 buckets lie between 1 ms and 16 ms.
    expect(counts.filter((count) => count > 0)).toEqual([2, 1])
    expect(2 ** ((offset + 1) / 32)).toBeCloseTo(0.001, 4)
  })

  it('come as what has grown since the collector took the last ones, where it wants that', async () => {
    const { exporter, receiver } = await exporterTo('http/protobuf', {
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta',
    })
    const gauge: Metric = { name: 'process.uptime', points: [{ attributes: [], value: 5 }] }
    const at = (nowMs: number) => ({ startMs: 0, nowMs })
    await exporter.export([busy(1), waits([1_000]), gauge], at(1_000))
    receiver.mood = 'refuse'
    expect(await exporter.export([busy(2), waits([1_000, 2_000]), gauge], at(2_000))).toBe(false)
    receiver.mood = 'ok'
    await exporter.export([busy(4), waits([1_000, 2_000, 3_000]), gauge], at(3_000))
    const [first, second] = received(receiver)
    expect(first!.get('millrace.stage.busy.time')).toMatchObject({
      temporality: 1,
      points: [{ value: 1, startNs: 0n }],
    })
    expect(second!.get('millrace.stage.busy.time')!.points).toMatchObject([
      { value: 3, startNs: 1_000_000_000n, timeNs: 3_000_000_000n },
    ])
    expect(second!.get('millrace.stage.wait.duration')!.points).toMatchObject([
      { count: 2, sum: 0.005 },
    ])
    expect(second!.get('process.uptime')!.points).toMatchObject([{ value: 5 }])
  })

  it('have explicit buckets where they are asked for', async () => {
    const { exporter, receiver } = await exporterTo('http/protobuf', {
      OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: 'explicit_bucket_histogram',
    })
    await exporter.export([waits([1_000, 5e9])], times)
    const [metrics] = received(receiver)
    expect(metrics!.get('millrace.stage.wait.duration')).toMatchObject({
      kind: 'histogram',
      points: [{ count: 2 }],
    })
  })

  it('take their headers along', async () => {
    const { exporter, receiver } = await exporterTo('http/protobuf', {
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc',
    })
    await exporter.export([], times)
    expect(receiver.requests[0]!.headers['authorization']).toBe('Bearer abc')
  })

  it.each(['http/protobuf', 'grpc'] as const)(
    'are given up, and no error, over %s',
    async (protocol) => {
      const { exporter, receiver } = await exporterTo(protocol)
      receiver.mood = 'refuse'
      expect(await exporter.export([busy(1)], times)).toBe(false)
      receiver.mood = 'hang'
      expect(await exporter.export([busy(1)], times)).toBe(false)
      await receiver.close()
      expect(await exporter.export([busy(1)], times)).toBe(false)
    },
  )
})
