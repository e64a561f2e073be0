import type { Attributes, Metric, MetricName, MetricPoint } from '../../core/metric.ts'
import type { SpanCounts } from '../../core/telemetry.ts'
import type { ProcessSample } from './process-watch.ts'

/** A process of the run by its name: `main`, or the number of a worker. */
export interface WatchedProcess {
  readonly worker: string
  readonly sample: ProcessSample
  readonly spans: SpanCounts
}

/** How the processes of a run are. */
export function processMetrics(processes: readonly WatchedProcess[]): Metric[] {
  const gauge = (name: MetricName, valueOf: (sample: ProcessSample) => number): Metric => ({
    name,
    points: processes.map(({ worker, sample }) => point(worker, valueOf(sample))),
  })
  return [
    {
      name: 'process.cpu.time',
      points: processes.flatMap(({ worker, sample }) => [
        point(worker, sample.cpuUser, [['cpu.mode', 'user']]),
        point(worker, sample.cpuSystem, [['cpu.mode', 'system']]),
      ]),
    },
    gauge('process.memory.usage', ({ rss }) => rss),
    gauge('process.uptime', ({ uptime }) => uptime),
    gauge('v8js.memory.heap.used', ({ heapUsed }) => heapUsed),
    gauge('nodejs.eventloop.delay.p99', ({ loopDelayP99 }) => loopDelayP99),
    gauge('nodejs.eventloop.delay.max', ({ loopDelayMax }) => loopDelayMax),
    gauge('nodejs.eventloop.utilization', ({ loopUtilization }) => loopUtilization),
    {
      name: 'millrace.trace.spans.exported',
      points: processes.map(({ worker, spans }) => point(worker, spans.exported)),
    },
    {
      name: 'millrace.trace.records.left_out',
      points: processes.map(({ worker, spans }) => point(worker, spans.recordsLeftOut)),
    },
    {
      name: 'millrace.trace.spans.dropped',
      points: processes.flatMap(({ worker, spans }) =>
        Object.entries(spans.dropped).map(([reason, count]) =>
          point(worker, count, [['reason', reason]]),
        ),
      ),
    },
  ]
}

function point(worker: string, value: number, more: Attributes = []): MetricPoint {
  return { attributes: [['millrace.worker', worker], ...more], value }
}
