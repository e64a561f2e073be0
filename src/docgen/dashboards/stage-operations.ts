import { byStage, named, ofStage, quantile, rate, type Panel, type Query } from './panel.ts'

const operation = 'messaging_operation_name'

function operations(fraction: number, title: string): Query {
  return {
    expr: quantile(fraction, 'messaging.client.operation.duration', {
      by: ['millrace_stage_name', operation, 'error_type'],
      selector: ofStage,
    }),
    legend: `{{millrace_stage_name}} {{${operation}}} {{error_type}} ${title}`,
  }
}

function waitRatio(fraction: number, title: string): Query {
  return {
    expr: quantile(fraction, 'millrace.stage.wait.error_ratio', {
      by: ['millrace_name', 'millrace_stage_name'],
      selector: ofStage,
    }),
    legend: `{{millrace_stage_name}} ${title}`,
  }
}

/** What the tasks of a stage wait for. */
export const operationPanels: readonly Panel[] = [
  {
    title: 'Operations',
    description:
      'Of a slice: `poll` until records are there and read, `send` to the sink, `commit` to the log. A quiet stage polls for long. With an error code: attempts that failed.',
    type: 'timeseries',
    unit: 's',
    width: 8,
    queries: [operations(0.5, 'p50'), operations(0.99, 'p99')],
  },
  {
    title: 'Records sent, by topic',
    description:
      'Records written and committed, per second: results, late records and dead letters.',
    type: 'timeseries',
    unit: 'reqps',
    width: 8,
    queries: [
      {
        expr: `sum by (millrace_stage_name, messaging_destination_name) (${rate('messaging.client.sent.messages', ofStage)})`,
        legend: '{{millrace_stage_name}} to {{messaging_destination_name}}',
      },
    ],
  },
  {
    title: 'Records in flight',
    description: 'Records between pull and commit.',
    type: 'timeseries',
    unit: 'short',
    width: 8,
    queries: [
      {
        expr: `sum by (${byStage}) (${named('millrace.stage.inflight')}{${ofStage}})`,
        legend: '{{millrace_stage_name}}',
      },
    ],
  },
  {
    title: 'Measured over predicted waiting',
    description:
      'Of a slice; 1: the prediction holds. Far above it, records wait for something else than the records before them.',
    type: 'timeseries',
    unit: 'short',
    width: 12,
    queries: [waitRatio(0.5, 'p50'), waitRatio(0.9, 'p90')],
  },
  {
    title: 'Attempts after the first',
    description:
      'To reach a sink, to hand it a slice, or to read one from a source, by the error of the attempt before, per second.',
    type: 'timeseries',
    unit: 'short',
    width: 12,
    queries: [
      {
        expr: `sum by (millrace_stage_name, error_type) (${rate('millrace.stage.retries', ofStage)})`,
        legend: '{{millrace_stage_name}} {{error_type}}',
      },
    ],
  },
]

/** What the steps of a stage keep. */
export const windowPanels: readonly Panel[] = [
  {
    title: 'Windows',
    description: 'Each group of a window counts as one.',
    type: 'timeseries',
    unit: 'short',
    width: 8,
    queries: [
      {
        expr: `sum by (${byStage}) (${named('millrace.window.open')}{${ofStage}})`,
        legend: '{{millrace_stage_name}} open',
      },
      {
        expr: `sum by (${byStage}) (${rate('millrace.window.emitted', ofStage)})`,
        legend: '{{millrace_stage_name}} closed per second',
      },
      {
        expr: `sum by (${byStage}) (${rate('millrace.window.late', ofStage)})`,
        legend: '{{millrace_stage_name}} late records per second',
      },
    ],
  },
  {
    title: 'State',
    description: 'Keys and values of all that a stage keeps, as the log has them.',
    type: 'timeseries',
    unit: 'bytes',
    width: 8,
    queries: [
      {
        expr: `sum by (${byStage}) (${named('millrace.window.state.size')}{${ofStage}})`,
        legend: '{{millrace_stage_name}}',
      },
    ],
  },
  {
    title: 'Watermark behind the clock',
    description:
      'Of records from the past it is as old as they are. While it stands still, windows stay open.',
    type: 'timeseries',
    unit: 's',
    width: 8,
    queries: [
      {
        expr: `max by (${byStage}) (${named('millrace.window.watermark.lag')}{${ofStage}})`,
        legend: '{{millrace_stage_name}}',
      },
    ],
  },
]
