import { describe, expect, it } from 'vitest'
import type { Metric } from '../../../src/core/metric.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import {
  lastExportMs,
  MetricsPush,
  type MetricsExporter,
} from '../../../src/telemetry/metrics/push-metrics.ts'

const metrics: readonly Metric[] = []

function pushTo(export_: MetricsExporter['export'], clock: VirtualClock) {
  const notices: string[] = []
  const push = new MetricsPush({
    exporter: { export: export_, close: async () => {} },
    collect: async () => metrics,
    clock,
    intervalMs: 1_000,
    notice: (message) => notices.push(message),
  })
  return { push, notices }
}

describe('sending metrics', () => {
  it('is done every interval, and once more at the end', async () => {
    const clock = new VirtualClock()
    const times: number[] = []
    const startMs = clock.wallMs()
    const { push } = pushTo(async (_, { nowMs }) => {
      times.push(nowMs - startMs)
      return true
    }, clock)
    await clock.advance(2_500)
    await push.close()
    expect(times).toEqual([1_000, 2_000, 2_500])
    expect([push.exported, push.failed]).toEqual([3, 0])
  })

  it('tells once of a collector that is away, and once when it is back', async () => {
    const clock = new VirtualClock()
    let isThere = false
    const { push, notices } = pushTo(async () => isThere, clock)
    await clock.advance(3_500)
    isThere = true
    await clock.advance(2_000)
    await push.close()
    expect(notices).toHaveLength(2)
    expect([push.exported, push.failed]).toEqual([3, 3])
  })

  it('does not keep a run from ending when the collector hangs', async () => {
    const clock = new VirtualClock()
    const { push } = pushTo(() => new Promise(() => {}), clock)
    await clock.advance(1_500)
    let isClosed = false
    void push.close().then(() => (isClosed = true))
    await clock.advance(lastExportMs - 1)
    expect(isClosed).toBe(false)
    await clock.advance(1)
    expect(isClosed).toBe(true)
  })
})
