import { byStage, named, ofStage, rate, type Dashboard } from './panel.ts'

const byPartition =
  'millrace_name, millrace_stage_name, messaging_destination_name, messaging_destination_partition_id'
const legend = '{{millrace_name}}/{{millrace_stage_name}}'
const partitionLegend = '{{messaging_destination_name}}/{{messaging_destination_partition_id}}'
const backlog = `${named('millrace.stage.backlog')}{${ofStage}}`
const lagTime = `${named('millrace.stage.lag.time')}{${ofStage}}`
const consumed = rate('messaging.client.consumed.messages', ofStage)

/** How far behind the stages are, in seconds first: records say little without their rate. */
export const lag: Dashboard = {
  uid: 'millrace-lag',
  title: 'Millrace: lag',
  description:
    'How far stages are behind, in seconds and in records, and when they will have caught up.',
  hasStage: true,
  rows: [
    {
      title: 'Seconds',
      panels: [
        {
          title: 'Longest lag',
          description: 'How long the oldest waiting record has waited at most.',
          type: 'stat',
          unit: 's',
          width: 6,
          queries: [{ expr: `max(${lagTime})`, legend: 'lag' }],
        },
        {
          title: 'Records waiting',
          description: 'In all topics of the stages that are chosen.',
          type: 'stat',
          unit: 'short',
          width: 6,
          queries: [{ expr: `sum(${backlog})`, legend: 'waiting' }],
        },
        {
          title: 'Time to work it off',
          description: 'What waits now at the present rate, if nothing more came.',
          type: 'stat',
          unit: 's',
          width: 6,
          queries: [
            {
              expr: `max(sum by (${byStage}) (${backlog}) / (sum by (${byStage}) (${consumed}) > 0))`,
              legend: 'time',
            },
          ],
        },
        {
          title: 'Partitions that are behind',
          description: 'Input partitions in which records wait.',
          type: 'stat',
          unit: 'short',
          width: 6,
          queries: [{ expr: `count(${backlog} > 0) or vector(0)`, legend: 'partitions' }],
        },
        {
          title: 'Lag by stage, seconds',
          description: 'How long the oldest record that waits for a stage has waited at most.',
          type: 'timeseries',
          unit: 's',
          width: 12,
          queries: [{ expr: `max by (${byStage}) (${lagTime})`, legend }],
        },
        {
          title: 'Lag by partition, seconds',
          description:
            'One partition far above the others: its keys are too frequent, or its task stands still.',
          type: 'timeseries',
          unit: 's',
          width: 12,
          queries: [{ expr: `max by (${byPartition}) (${lagTime})`, legend: partitionLegend }],
        },
      ],
    },
    {
      title: 'Records',
      panels: [
        {
          title: 'Waiting by stage',
          description: 'Records that wait.',
          type: 'timeseries',
          unit: 'short',
          width: 8,
          queries: [{ expr: `sum by (${byStage}) (${backlog})`, legend }],
        },
        {
          title: 'Waiting by partition',
          description: 'Records that wait.',
          type: 'timeseries',
          unit: 'short',
          width: 8,
          queries: [{ expr: `sum by (${byPartition}) (${backlog})`, legend: partitionLegend }],
        },
        {
          title: 'Growth',
          description:
            'Records per second by which the backlog grows; below 0 it is being worked off.',
          type: 'timeseries',
          unit: 'short',
          width: 8,
          isSigned: true,
          queries: [{ expr: `sum by (${byStage}) (deriv(${backlog}[5m]))`, legend }],
        },
      ],
    },
  ],
}
