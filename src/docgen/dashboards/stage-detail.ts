import {
  buckets,
  byStage,
  named,
  ofStage,
  perPart,
  perRecord,
  quantile,
  rate,
  window,
  type Dashboard,
  type Panel,
  type Query,
} from './panel.ts'
import { operationPanels, windowPanels } from './stage-operations.ts'
import type { MetricName } from '../../core/metric.ts'

const hookLegend = '{{millrace_stage_name}} {{hook_event}} {{hook_name}}'
const hookLabels = ['millrace_stage_name', 'hook_event', 'hook_name'] as const

function distribution(name: MetricName, sum: MetricName): Query[] {
  const fractions = [
    ['p50', 0.5],
    ['p95', 0.95],
    ['p99', 0.99],
  ] as const
  return [
    { expr: perRecord(sum, ofStage), legend: '{{millrace_stage_name}} mean' },
    ...fractions.map(([title, fraction]) => ({
      expr: quantile(fraction, name, {
        by: ['millrace_name', 'millrace_stage_name'],
        selector: ofStage,
      }),
      legend: `{{millrace_stage_name}} ${title}`,
      exemplars: true,
    })),
  ]
}

const serviceTime = perPart('millrace.stage.service.time', ofStage)
const ahead = perPart('millrace.stage.ahead', ofStage)

const formulas: readonly Panel[] = [
  {
    title: 'n: records per second',
    description: 'Records that the stage takes in.',
    type: 'timeseries',
    unit: 'reqps',
    width: 8,
    queries: [
      {
        expr: `sum by (${byStage}) (${rate('messaging.client.consumed.messages', ofStage)})`,
        legend: '{{millrace_stage_name}}',
      },
    ],
  },
  {
    title: 't: processing time of a record',
    description: 'T = n * t. Points are traces.',
    type: 'timeseries',
    unit: 's',
    width: 8,
    queries: distribution('messaging.process.duration', 'millrace.stage.busy.time'),
  },
  {
    title: 's: waiting time of a record',
    description: 'D = s * n. Points are traces.',
    type: 'timeseries',
    unit: 's',
    width: 8,
    queries: distribution('millrace.stage.wait.duration', 'millrace.stage.wait.time'),
  },
  {
    title: 'T and D per second',
    description: 'Processing and waiting time per second of the clock.',
    type: 'timeseries',
    unit: 'short',
    width: 8,
    queries: [
      {
        expr: `sum by (${byStage}) (${rate('millrace.stage.busy.time', ofStage)})`,
        legend: '{{millrace_stage_name}} T/s',
      },
      {
        expr: `sum by (${byStage}) (${rate('millrace.stage.wait.time', ofStage)})`,
        legend: '{{millrace_stage_name}} D/s',
      },
    ],
  },
  {
    title: 'Waiting: measured and predicted',
    description:
      'Predicted: records ahead of a record times the time between departures. Where the two part, records wait for something else than their queue: a slow commit, a sink, pauses.',
    type: 'timeseries',
    unit: 's',
    width: 8,
    queries: [
      {
        expr: perRecord('millrace.stage.wait.time', ofStage),
        legend: '{{millrace_stage_name}} measured',
      },
      {
        expr: `sum by (${byStage}) ((${ahead}) * (${serviceTime}))`,
        legend: '{{millrace_stage_name}} predicted',
      },
    ],
  },
  {
    title: 'Parts of D',
    description: 'What the records of the stage wait for.',
    type: 'timeseries',
    unit: 'short',
    width: 8,
    isStacked: true,
    queries: [
      {
        expr: `sum by (millrace_wait_part) (${rate('millrace.stage.wait.time', ofStage)})`,
        legend: '{{millrace_wait_part}}',
      },
    ],
  },
]

const shapes: readonly Panel[] = [
  {
    title: 'Waiting times',
    description: 'How many records waited how long.',
    type: 'heatmap',
    unit: 's',
    width: 12,
    queries: [
      {
        expr: `sum by (le) (increase(${buckets('millrace.stage.wait.duration')}{${ofStage}}[${window}]))`,
        legend: '{{le}}',
        exemplars: true,
      },
    ],
  },
  {
    title: 'Processing times',
    description: 'How many records took how long.',
    type: 'heatmap',
    unit: 's',
    width: 12,
    queries: [
      {
        expr: `sum by (le) (increase(${buckets('messaging.process.duration')}{${ofStage}}[${window}]))`,
        legend: '{{le}}',
        exemplars: true,
      },
    ],
  },
]

const records: readonly Panel[] = [
  {
    title: 'What became of the records',
    description: 'By outcome, per second.',
    type: 'timeseries',
    unit: 'reqps',
    width: 8,
    isStacked: true,
    queries: [
      {
        expr: `sum by (outcome) (${rate('millrace.stage.messages', ofStage)})`,
        legend: '{{outcome}}',
      },
    ],
  },
  {
    title: 'Dropped, by step',
    description: 'Records that steps dropped, per second.',
    type: 'timeseries',
    unit: 'reqps',
    width: 8,
    queries: [
      {
        expr: `sum by (millrace_stage_name, reason) (${rate('millrace.stage.drops', ofStage)})`,
        legend: '{{millrace_stage_name}} {{reason}}',
      },
    ],
  },
  {
    title: 'Utilisation, service rate',
    description:
      'Share of the time that the tasks are at work, and records that they could take in.',
    type: 'timeseries',
    unit: 'short',
    width: 8,
    queries: [
      {
        expr: `sum by (${byStage}) (${rate('millrace.stage.busy.time', ofStage)}) / sum by (${byStage}) (${named('millrace.stage.concurrency')}{${ofStage}})`,
        legend: '{{millrace_stage_name}} utilisation',
      },
      {
        expr: `sum by (${byStage}) (${rate('messaging.client.consumed.messages', ofStage)}) / (sum by (${byStage}) (${rate('millrace.stage.busy.time', ofStage)}) > 0)`,
        legend: '{{millrace_stage_name}} records per second of work',
      },
    ],
  },
  {
    title: 'Bytes',
    description: 'Bytes of the records taken in, per second.',
    type: 'timeseries',
    unit: 'Bps',
    width: 8,
    queries: [
      {
        expr: `sum by (${byStage}) (${rate('millrace.stage.io', ofStage)})`,
        legend: '{{millrace_stage_name}}',
      },
    ],
  },
  {
    title: 'Records in a slice',
    description: 'Records that are committed together: many of them make the batch wait long.',
    type: 'timeseries',
    unit: 'short',
    width: 8,
    queries: [
      {
        expr: `sum by (${byStage}) (${rate('messaging.client.consumed.messages', ofStage)}) / (sum by (${byStage}) (${rate('millrace.stage.slices', ofStage)}) > 0)`,
        legend: '{{millrace_stage_name}}',
      },
    ],
  },
  {
    title: 'Standing still',
    description:
      'Tasks that write to their sink, pause before another try, or wait for the commit before, at the same time.',
    type: 'timeseries',
    unit: 'short',
    width: 8,
    queries: [
      {
        expr: `sum by (${byStage}, millrace_wait_part) (${rate('millrace.backpressure.time', ofStage)})`,
        legend: '{{millrace_stage_name}} {{millrace_wait_part}}',
      },
    ],
  },
]

const hooks: readonly Panel[] = [
  {
    title: 'Events of hooks',
    description: 'Events by outcome, per second.',
    type: 'timeseries',
    unit: 'short',
    width: 8,
    queries: [
      {
        expr: `sum by (millrace_stage_name, hook_event, hook_name, outcome) (${rate('millrace.hook.events', ofStage)})`,
        legend: `${hookLegend} {{outcome}}`,
      },
    ],
  },
  {
    title: 't of hooks, p99',
    description: 'Time that a listener takes for an event.',
    type: 'timeseries',
    unit: 's',
    width: 8,
    queries: [
      {
        expr: quantile(0.99, 'millrace.hook.duration', { by: hookLabels, selector: ofStage }),
        legend: hookLegend,
      },
    ],
  },
  {
    title: 's of hooks, p99',
    description: 'Time that an event waits for its listener.',
    type: 'timeseries',
    unit: 's',
    width: 8,
    queries: [
      {
        expr: quantile(0.99, 'millrace.hook.wait.duration', { by: hookLabels, selector: ofStage }),
        legend: hookLegend,
      },
    ],
  },
]

/** All that is known of a stage. */
export const stageDetail: Dashboard = {
  uid: 'millrace-stage',
  title: 'Millrace: stage',
  description: 'The two formulas of one stage, T = n * t and D = s * n, and what is behind them.',
  hasStage: true,
  rows: [
    { title: 'T = n * t, D = s * n', panels: formulas },
    { title: 'Durations', panels: shapes },
    { title: 'Records', panels: records },
    { title: 'Hooks', panels: hooks },
    { title: 'What tasks wait for', panels: operationPanels },
    { title: 'Windows and state', panels: windowPanels },
  ],
}
