import {
  byStage,
  named,
  ofPipeline,
  perRecord,
  quantile,
  rate,
  window,
  type Dashboard,
  type Panel,
} from './panel.ts'

const stageLegend = '{{millrace_name}}/{{millrace_stage_name}}'
const stageLabels = ['millrace_name', 'millrace_stage_name'] as const

const now: readonly Panel[] = [
  {
    title: 'Pipelines running',
    description: 'Pipelines that run now.',
    type: 'stat',
    unit: 'short',
    width: 4,
    queries: [{ expr: `sum(${named('millrace.pipeline.up')}{${ofPipeline}})`, legend: 'running' }],
  },
  {
    title: 'Records in',
    description: 'Records that all stages together take in, per second.',
    type: 'stat',
    unit: 'reqps',
    width: 4,
    queries: [
      { expr: `sum(${rate('messaging.client.consumed.messages', ofPipeline)})`, legend: 'in' },
    ],
  },
  {
    title: 'At work (T per second)',
    description:
      'Processing time per second: how many tasks are at work at the same time, on average.',
    type: 'stat',
    unit: 'short',
    width: 4,
    queries: [{ expr: `sum(${rate('millrace.stage.busy.time', ofPipeline)})`, legend: 'T/s' }],
  },
  {
    title: 'Waiting (D per second)',
    description:
      "Waiting time per second: how many records wait at the same time, on average (Little's law).",
    type: 'stat',
    unit: 'short',
    width: 4,
    queries: [{ expr: `sum(${rate('millrace.stage.wait.time', ofPipeline)})`, legend: 'D/s' }],
  },
  {
    title: 'Longest lag',
    description: 'How long the oldest record that waits anywhere has waited at most.',
    type: 'stat',
    unit: 's',
    width: 4,
    queries: [{ expr: `max(${named('millrace.stage.lag.time')}{${ofPipeline}})`, legend: 'lag' }],
  },
  {
    title: 'Dead letters in an hour',
    description: 'Records that were dead-lettered in the last hour.',
    type: 'stat',
    unit: 'short',
    width: 4,
    queries: [
      {
        expr: `sum(increase(${named('millrace.dlq.messages')}{${ofPipeline}}[1h]))`,
        legend: 'dead letters',
      },
    ],
  },
]

const budget: readonly Panel[] = [
  {
    title: 'Delay budget: what a record spends at each stage',
    description:
      'Mean time of a record at each stage, waiting and processing apart. The tallest area is where the delay is.',
    type: 'timeseries',
    unit: 's',
    width: 14,
    isStacked: true,
    queries: [
      {
        expr: perRecord('millrace.stage.wait.time', ofPipeline),
        legend: `${stageLegend} waits`,
      },
      {
        expr: perRecord('millrace.stage.busy.time', ofPipeline),
        legend: `${stageLegend} runs`,
      },
    ],
  },
  {
    title: 'What records wait for',
    description:
      'Waiting time per second by its parts: in the topic, for the records before them in the slice, for a sink that does not answer, for the commit.',
    type: 'timeseries',
    unit: 'short',
    width: 10,
    isStacked: true,
    queries: [
      {
        expr: `sum by (millrace_wait_part) (${rate('millrace.stage.wait.time', ofPipeline)})`,
        legend: '{{millrace_wait_part}}',
      },
    ],
  },
  {
    title: 'The limit: utilisation by stage',
    description:
      'Share of the time that the tasks of a stage are at work. Near 1, the stage is the bottleneck: what is before it waits.',
    type: 'timeseries',
    unit: 'percentunit',
    width: 14,
    queries: [
      {
        expr: `sum by (${byStage}) (${rate('millrace.stage.busy.time', ofPipeline)}) / sum by (${byStage}) (${named('millrace.stage.concurrency')}{${ofPipeline}})`,
        legend: stageLegend,
      },
    ],
  },
  {
    title: 'Delay budget over the last hour',
    description: 'Mean time of a record at each stage, waiting and processing together.',
    type: 'bargauge',
    unit: 's',
    width: 10,
    queries: [
      {
        expr: `sum by (${byStage}) (increase(${named('millrace.stage.wait.time')}{${ofPipeline}}[1h])) / sum by (${byStage}) (increase(${named('messaging.client.consumed.messages')}{${ofPipeline}}[1h]) > 0)`,
        legend: `${stageLegend} waits`,
      },
      {
        expr: `sum by (${byStage}) (increase(${named('millrace.stage.busy.time')}{${ofPipeline}}[1h])) / sum by (${byStage}) (increase(${named('messaging.client.consumed.messages')}{${ofPipeline}}[1h]) > 0)`,
        legend: `${stageLegend} runs`,
      },
    ],
  },
]

const flow: readonly Panel[] = [
  {
    title: 'Records by stage',
    description: 'Records that a stage takes in, per second.',
    type: 'timeseries',
    unit: 'reqps',
    width: 8,
    queries: [
      {
        expr: `sum by (${byStage}) (${rate('messaging.client.consumed.messages', ofPipeline)})`,
        legend: stageLegend,
      },
    ],
  },
  {
    title: 'Waiting time, p99',
    description: 'What one record in a hundred waits longer than, by stage. Points are traces.',
    type: 'timeseries',
    unit: 's',
    width: 8,
    queries: [
      {
        expr: quantile(0.99, 'millrace.stage.wait.duration', {
          by: stageLabels,
          selector: ofPipeline,
        }),
        legend: stageLegend,
        exemplars: true,
      },
    ],
  },
  {
    title: 'Processing time, p99',
    description: 'What one record in a hundred takes longer than, by stage. Points are traces.',
    type: 'timeseries',
    unit: 's',
    width: 8,
    queries: [
      {
        expr: quantile(0.99, 'messaging.process.duration', {
          by: stageLabels,
          selector: ofPipeline,
        }),
        legend: stageLegend,
        exemplars: true,
      },
    ],
  },
  {
    title: 'End to end',
    description: 'From when a record came into the pipeline until its sink had taken it, by sink.',
    type: 'timeseries',
    unit: 's',
    width: 8,
    queries: [
      {
        expr: quantile(0.5, 'millrace.message.duration', { by: stageLabels, selector: ofPipeline }),
        legend: `${stageLegend} p50`,
      },
      {
        expr: quantile(0.99, 'millrace.message.duration', {
          by: stageLabels,
          selector: ofPipeline,
        }),
        legend: `${stageLegend} p99`,
      },
    ],
  },
  {
    title: 'Records waiting',
    description: 'Records that wait for each stage.',
    type: 'timeseries',
    unit: 'short',
    width: 8,
    queries: [
      {
        expr: `sum by (${byStage}) (${named('millrace.stage.backlog')}{${ofPipeline}})`,
        legend: stageLegend,
      },
    ],
  },
  {
    title: 'Dead letters by stage',
    description: 'Dead letters per second.',
    type: 'timeseries',
    unit: 'reqps',
    width: 8,
    queries: [
      {
        expr: `sum by (${byStage}) (${rate('millrace.dlq.messages', ofPipeline)})`,
        legend: stageLegend,
      },
    ],
  },
  {
    title: 'Blocked stages',
    description: '1 while a stage waits for a source, sink or disk that is not available.',
    type: 'timeseries',
    unit: 'short',
    width: 8,
    queries: [
      {
        expr: `max by (${byStage}) (${named('millrace.stage.blocked')}{${ofPipeline}})`,
        legend: stageLegend,
      },
    ],
  },
]

const processes: readonly Panel[] = [
  {
    title: 'Processor',
    description: 'Cores in use by each process.',
    type: 'timeseries',
    unit: 'short',
    width: 6,
    queries: [
      {
        expr: `sum by (instance, millrace_worker) (rate(${named('process.cpu.time')}[${window}]))`,
        legend: '{{instance}} {{millrace_worker}}',
      },
    ],
  },
  {
    title: 'Memory',
    description: 'Resident memory of each process.',
    type: 'timeseries',
    unit: 'bytes',
    width: 6,
    queries: [{ expr: named('process.memory.usage'), legend: '{{instance}} {{millrace_worker}}' }],
  },
  {
    title: 'Event-loop delay',
    description: 'How late the main thread gets to its work.',
    type: 'timeseries',
    unit: 's',
    width: 6,
    queries: [
      { expr: named('nodejs.eventloop.delay.p99'), legend: '{{instance}} {{millrace_worker}} p99' },
      { expr: named('nodejs.eventloop.delay.max'), legend: '{{instance}} {{millrace_worker}} max' },
    ],
  },
  {
    title: 'Telemetry lost, skewed clocks',
    description: 'Spans that were not sent, and records that came from the future, per second.',
    type: 'timeseries',
    unit: 'short',
    width: 6,
    queries: [
      {
        expr: `sum by (reason) (rate(${named('millrace.trace.spans.dropped')}[${window}]))`,
        legend: 'spans dropped: {{reason}}',
      },
      { expr: `sum(${rate('millrace.clock.skew.clamped', ofPipeline)})`, legend: 'skewed records' },
    ],
  },
]

/** Answers first where the delay is. */
export const overview: Dashboard = {
  uid: 'millrace-overview',
  title: 'Millrace: overview',
  description: 'Where records spend their time, stage by stage.',
  hasStage: false,
  rows: [
    { title: 'Now', panels: now },
    { title: 'Delay budget', panels: budget },
    { title: 'Flow', panels: flow },
    { title: 'Processes', panels: processes },
  ],
}
