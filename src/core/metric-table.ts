import { endpointDrops } from './endpoint-drops.ts'
import type { MetricDefinition } from './metric-definition.ts'

const stage = ['millrace.name', 'millrace.stage.name', 'millrace.stage.part'] as const
const hook = ['millrace.name', 'millrace.stage.name', 'hook.name', 'hook.event'] as const
const process = ['millrace.worker'] as const

/**
 * All metrics. Durations are in seconds; names and units are those of OpenTelemetry, from which
 * Prometheus' are made. No attribute is a key, an offset or an id of a record.
 */
export const metricTable = {
  'messaging.process.duration': {
    instrument: 'histogram',
    unit: 's',
    help: 'Processing time of a record in the steps of a stage (t); its sum is T.',
    attributes: [...stage, 'messaging.system', 'messaging.operation.name'],
  },
  'millrace.message.duration': {
    instrument: 'histogram',
    unit: 's',
    help: 'End to end: from when a record came into the pipeline until the commit after its sink had taken it.',
    attributes: stage,
  },
  'millrace.stage.wait.duration': {
    instrument: 'histogram',
    unit: 's',
    help: 'Waiting time of a record at a stage: queue, batch, back-off and commit (s); its sum is D.',
    attributes: stage,
  },
  'millrace.stage.wait.time': {
    instrument: 'counter',
    unit: 's',
    help: 'Waiting time of all records at a stage by its parts; together D.',
    attributes: [...stage, 'millrace.wait.part'],
  },
  'millrace.stage.busy.time': {
    instrument: 'counter',
    unit: 's',
    help: 'Processing time of all records at a stage (T); its rate over the concurrency is the utilisation.',
    attributes: stage,
  },
  'millrace.backpressure.time': {
    instrument: 'counter',
    unit: 's',
    help: 'Time that tasks of a stage stood still: for calls of steps that wait for something outside, for writing to the sink, pausing before another try, waiting for the commit before.',
    attributes: [...stage, 'millrace.wait.part'],
  },
  'messaging.client.consumed.messages': {
    instrument: 'counter',
    unit: '{message}',
    help: 'Records that a stage has taken in and committed.',
    attributes: [...stage, 'messaging.system', 'messaging.operation.name'],
  },
  'messaging.client.sent.messages': {
    instrument: 'counter',
    unit: '{message}',
    help: 'Records that a stage has written and committed, by topic: results, late records and dead letters. What a sink takes is not among them.',
    attributes: [
      ...stage,
      'messaging.system',
      'messaging.operation.name',
      'messaging.destination.name',
    ],
  },
  'messaging.client.operation.duration': {
    instrument: 'histogram',
    unit: 's',
    help: 'Time that a task waited for an operation, one for each slice: `poll` (until records were there and read; only if there were some), `send` (an attempt of the sink to take a slice) and `commit` (results to their topics, state and positions). One that failed has an `error.type`.',
    attributes: [...stage, 'messaging.system', 'messaging.operation.name', 'error.type'],
  },
  'millrace.stage.io': {
    instrument: 'counter',
    unit: 'By',
    help: 'Bytes of the records that a stage has taken in: keys, values and headers.',
    attributes: stage,
  },
  'millrace.stage.messages': {
    instrument: 'counter',
    unit: '{message}',
    help: 'Records that a stage has taken in, by what became of them.',
    attributes: [...stage, 'outcome'],
  },
  'millrace.stage.drops': {
    instrument: 'counter',
    unit: '{message}',
    help: 'Records that a step dropped, by step.',
    attributes: [...stage, 'reason'],
  },
  'millrace.stage.failures': {
    instrument: 'counter',
    unit: '{message}',
    help: 'Records that failed, by error code; what became of them says `on_error`.',
    attributes: [...stage, 'error.type'],
  },
  'millrace.stage.retries': {
    instrument: 'counter',
    unit: '{attempt}',
    help: 'Attempts after the first to reach a sink, to hand it a slice, or to read one from a source, by the error of the attempt before. Counted at once, not with the commit.',
    attributes: [...stage, 'error.type'],
  },
  'millrace.stage.service_time': {
    instrument: 'gauge',
    unit: 's',
    help: 'Time between departures of a task of a stage while it had something to do, since the run began.',
    attributes: stage,
  },
  'millrace.stage.wait.predicted': {
    instrument: 'gauge',
    unit: 's',
    help: 'What a record should wait: records ahead of it times the service time, both since the run began.',
    attributes: stage,
  },
  'millrace.stage.wait.error_ratio': {
    instrument: 'histogram',
    unit: '1',
    help: 'Measured over predicted wait of a slice, not of a record: what its records waited, over the records that were ahead of them times the service time since the run began. 1: the prediction holds. A slice with nothing ahead of its records has none.',
    attributes: stage,
  },
  'millrace.stage.service.time': {
    instrument: 'counter',
    unit: 's',
    help: 'Time that the tasks of a stage had something to do; over the records taken in, the service time.',
    attributes: stage,
  },
  'millrace.stage.ahead': {
    instrument: 'counter',
    unit: '{message}',
    help: 'Records that were ahead of a record when it arrived, added up over the records taken in.',
    attributes: stage,
  },
  'millrace.hook.duration': {
    instrument: 'histogram',
    unit: 's',
    help: 'Time that a listener took for an event (t of hooks).',
    attributes: hook,
  },
  'millrace.hook.wait.duration': {
    instrument: 'histogram',
    unit: 's',
    help: 'Time that an event waited for its listener (s of hooks).',
    attributes: hook,
  },
  'millrace.hook.events': {
    instrument: 'counter',
    unit: '{event}',
    help: 'Events for listeners, by what became of them.',
    attributes: [...hook, 'outcome'],
  },
  'millrace.hook.errors': {
    instrument: 'counter',
    unit: '{error}',
    help: 'Events that a listener failed at, did not finish in time, or was never given.',
    attributes: [...hook, 'error.type'],
  },
  'millrace.endpoint.drops': {
    instrument: 'counter',
    unit: '{drop}',
    help: `What the source or sink of a stage refused, cut off or left out, by reason. ${Object.entries(
      endpointDrops,
    )
      .map(([name, help]) => `\`${name}\`: ${help}`)
      .join(' ')}`,
    attributes: [...stage, 'reason'],
  },
  'millrace.stage.made': {
    instrument: 'counter',
    unit: '{message}',
    help: 'Results that steps made: windows emitted, totals.',
    attributes: stage,
  },
  'millrace.window.emitted': {
    instrument: 'counter',
    unit: '{window}',
    help: 'Windows that have closed and whose result has left the stage; each group of a window counts as one.',
    attributes: stage,
  },
  'millrace.window.late': {
    instrument: 'counter',
    unit: '{message}',
    help: 'Records that came after all their windows had closed.',
    attributes: stage,
  },
  'millrace.window.open': {
    instrument: 'gauge',
    unit: '{window}',
    help: 'Windows that have records and have not closed; each group of a window counts as one.',
    attributes: stage,
  },
  'millrace.window.state.size': {
    instrument: 'gauge',
    unit: 'By',
    help: 'Keys and values of all that the steps of a stage keep, as the log has them: open windows, running totals, what `dedupe` remembers.',
    attributes: stage,
  },
  'millrace.window.watermark.lag': {
    instrument: 'gauge',
    unit: 's',
    help: 'How far the watermark of a stage that keeps something, of its last task, is behind the clock. Of records from the past it is as old as they are.',
    attributes: stage,
  },
  'millrace.dlq.messages': {
    instrument: 'counter',
    unit: '{message}',
    help: 'Records, and results of steps, that were dead-lettered.',
    attributes: stage,
  },
  'millrace.dlq.replayed': {
    instrument: 'counter',
    unit: '{message}',
    help: 'Dead letters that came back to the stage (`millrace dlq replay`), counted when it has taken them in.',
    attributes: stage,
  },
  'millrace.stage.slices': {
    instrument: 'counter',
    unit: '{slice}',
    help: 'Commits of a stage, each of a slice of records.',
    attributes: stage,
  },
  'millrace.stage.backlog': {
    instrument: 'gauge',
    unit: '{message}',
    help: 'Records that wait for a stage, by input partition (n).',
    attributes: [...stage, 'messaging.destination.name', 'messaging.destination.partition.id'],
  },
  'millrace.stage.lag.time': {
    instrument: 'gauge',
    unit: 's',
    help: 'How long the oldest record that waits for a stage has waited at most, by input partition.',
    attributes: [...stage, 'messaging.destination.name', 'messaging.destination.partition.id'],
  },
  'millrace.stage.inflight': {
    instrument: 'gauge',
    unit: '{message}',
    help: 'Records of a stage between pull and commit.',
    attributes: stage,
  },
  'millrace.stage.concurrency': {
    instrument: 'gauge',
    unit: '{task}',
    help: 'Tasks of a stage, wherever they run: each works on one record at a time.',
    attributes: stage,
  },
  'millrace.stage.blocked': {
    instrument: 'gauge',
    unit: '1',
    help: '1 while a stage waits for a source, sink or disk that is not available.',
    attributes: stage,
  },
  'millrace.pipeline.up': {
    instrument: 'gauge',
    unit: '1',
    help: '1 while a pipeline runs; 0 when it has ended, was stopped or has failed.',
    attributes: ['millrace.name', 'outcome'],
  },
  'millrace.clock.skew.clamped': {
    instrument: 'counter',
    unit: '{message}',
    help: 'Records that came from the future: clocks of machines differ, and waiting times with them.',
    attributes: stage,
  },
  'millrace.trace.spans.exported': {
    instrument: 'counter',
    unit: '{span}',
    help: 'Spans that a collector has taken.',
    attributes: process,
  },
  'millrace.trace.spans.dropped': {
    instrument: 'counter',
    unit: '{span}',
    help: 'Spans that were not sent, by reason.',
    attributes: [...process, 'reason'],
  },
  'millrace.trace.records.left_out': {
    instrument: 'counter',
    unit: '{message}',
    help: 'Records of sampled traces of which no spans were made, because of the limit of spans per second.',
    attributes: process,
  },
  'millrace.metrics.exports': {
    instrument: 'counter',
    unit: '{export}',
    help: 'Exports of metrics to a collector, by outcome.',
    attributes: [...process, 'outcome'],
  },
  'millrace.metrics.overflows': {
    instrument: 'counter',
    unit: '{series}',
    help: 'Series that were added up into one, because a metric had too many.',
    attributes: [],
  },
  'millrace.worker.starts': {
    instrument: 'counter',
    unit: '{start}',
    help: 'Starts of a worker process of `run --workers`; more than one: it has died.',
    attributes: process,
  },
  'process.cpu.time': {
    instrument: 'counter',
    unit: 's',
    help: 'Processor time of the process, all threads.',
    attributes: [...process, 'cpu.mode'],
  },
  'process.memory.usage': {
    instrument: 'gauge',
    unit: 'By',
    help: 'Resident memory of the process.',
    attributes: process,
  },
  'process.uptime': {
    instrument: 'gauge',
    unit: 's',
    help: 'Time since the process began.',
    attributes: process,
  },
  'v8js.memory.heap.used': {
    instrument: 'gauge',
    unit: 'By',
    help: 'Memory of JavaScript objects in the main thread.',
    attributes: process,
  },
  'nodejs.eventloop.delay.p99': {
    instrument: 'gauge',
    unit: 's',
    help: 'How late the main thread gets to its work: 99th percentile of the last 10 s or more.',
    attributes: process,
  },
  'nodejs.eventloop.delay.max': {
    instrument: 'gauge',
    unit: 's',
    help: 'The same, at worst.',
    attributes: process,
  },
  'nodejs.eventloop.utilization': {
    instrument: 'gauge',
    unit: '1',
    help: 'Share of the time that the main thread was at work, since the process began.',
    attributes: process,
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>
