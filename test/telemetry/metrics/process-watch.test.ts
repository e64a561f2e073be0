import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { processMetrics } from '../../../src/telemetry/metrics/process-metrics.ts'
import { delayWindowMs, ProcessWatch } from '../../../src/telemetry/metrics/process-watch.ts'

function aLoop() {
  const loop = { delayP99: 0.2, delayMax: 0.5, utilization: 0.25, resets: 0, isClosed: false }
  return Object.assign(loop, {
    reset: () => (loop.resets += 1),
    close: () => (loop.isClosed = true),
  })
}

describe('the watch of a process', () => {
  it('tells of this process', () => {
    const watch = new ProcessWatch(new VirtualClock(), aLoop())
    const sample = watch.sample()
    expect(sample).toMatchObject({ loopDelayP99: 0.2, loopDelayMax: 0.5, loopUtilization: 0.25 })
    expect(sample.rss).toBeGreaterThan(1e7)
    expect(sample.cpuUser + sample.cpuSystem).toBeGreaterThan(0)
  })

  it('keeps the delays for all who read them within some seconds, then begins anew', async () => {
    const clock = new VirtualClock()
    const loop = aLoop()
    const watch = new ProcessWatch(clock, loop)
    watch.sample()
    await clock.advance(delayWindowMs - 1)
    watch.sample()
    expect(loop.resets).toBe(0)
    await clock.advance(1)
    expect(watch.sample().loopDelayMax).toBe(0.5)
    expect(loop.resets).toBe(1)
    watch.close()
    expect(loop.isClosed).toBe(true)
  })

  it('makes series by process, with the spans that were not sent by reason', () => {
    const sample = new ProcessWatch(new VirtualClock(), aLoop()).sample()
    const spans = {
      exported: 5,
      dropped: { limit: 1, queue: 2, export: 3, shutdown: 4 },
      recordsLeftOut: 6,
    }
    const metrics = new Map(
      processMetrics([
        { worker: 'main', sample, spans },
        { worker: '1', sample, spans },
      ]).map((metric) => [metric.name, metric.points]),
    )
    expect(metrics.get('process.memory.usage')!.map(({ attributes }) => attributes)).toEqual([
      [['millrace.worker', 'main']],
      [['millrace.worker', '1']],
    ])
    expect(metrics.get('millrace.trace.spans.dropped')).toHaveLength(8)
    expect(metrics.get('millrace.trace.records.left_out')![0]).toMatchObject({ value: 6 })
  })
})
