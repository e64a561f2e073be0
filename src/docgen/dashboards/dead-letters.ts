import { byStage, named, ofStage, rate, type Dashboard } from './panel.ts'

const legend = '{{millrace_name}}/{{millrace_stage_name}}'

/** What failed, where, and why. */
export const deadLetters: Dashboard = {
  uid: 'millrace-dead-letters',
  title: 'Millrace: dead letters',
  description:
    'Records that failed. `millrace dlq show PIPELINE.STAGE` has the records themselves.',
  hasStage: true,
  rows: [
    {
      title: 'How many',
      panels: [
        {
          title: 'Dead letters in an hour',
          description: 'Over all stages that are chosen.',
          type: 'stat',
          unit: 'short',
          width: 6,
          queries: [
            {
              expr: `sum(increase(${named('millrace.dlq.messages')}{${ofStage}}[1h]))`,
              legend: 'dead letters',
            },
          ],
        },
        {
          title: 'Since the start',
          description: 'Dead letters since the processes began.',
          type: 'stat',
          unit: 'short',
          width: 6,
          queries: [
            { expr: `sum(${named('millrace.dlq.messages')}{${ofStage}})`, legend: 'dead letters' },
          ],
        },
        {
          title: 'Share of the records',
          description: 'Dead letters over all records taken in, in an hour.',
          type: 'stat',
          unit: 'percentunit',
          width: 6,
          queries: [
            {
              expr: `sum(increase(${named('millrace.dlq.messages')}{${ofStage}}[1h])) / (sum(increase(${named('messaging.client.consumed.messages')}{${ofStage}}[1h])) > 0)`,
              legend: 'share',
            },
          ],
        },
        {
          title: 'Late records in an hour',
          description:
            'Records that came after their window was closed; they go to a topic of their own.',
          type: 'stat',
          unit: 'short',
          width: 6,
          queries: [
            {
              expr: `sum(increase(${named('millrace.stage.messages')}{${ofStage},outcome="late"}[1h]))`,
              legend: 'late',
            },
          ],
        },
      ],
    },
    {
      title: 'Where and why',
      panels: [
        {
          title: 'By stage',
          description: 'Dead letters per second.',
          type: 'timeseries',
          unit: 'reqps',
          width: 12,
          queries: [
            { expr: `sum by (${byStage}) (${rate('millrace.dlq.messages', ofStage)})`, legend },
          ],
        },
        {
          title: 'By error code',
          description:
            'Records that failed per second; of a stage with `on_error: skip` they are skipped.',
          type: 'timeseries',
          unit: 'reqps',
          width: 12,
          isStacked: true,
          queries: [
            {
              expr: `sum by (error_type) (${rate('millrace.stage.failures', ofStage)})`,
              legend: '{{error_type}}',
            },
          ],
        },
        {
          title: 'By stage and error code since the start',
          description: 'Records that failed since the processes began.',
          type: 'table',
          unit: 'short',
          width: 12,
          queries: [
            {
              expr: `sort_desc(sum by (${byStage}, error_type) (${named('millrace.stage.failures')}{${ofStage}}))`,
              legend: `${legend} {{error_type}}`,
            },
          ],
        },
        {
          title: 'Share of the records, by stage',
          description: 'Dead letters over records taken in.',
          type: 'timeseries',
          unit: 'percentunit',
          width: 12,
          queries: [
            {
              expr: `sum by (${byStage}) (${rate('millrace.dlq.messages', ofStage)}) / (sum by (${byStage}) (${rate('messaging.client.consumed.messages', ofStage)}) > 0)`,
              legend,
            },
          ],
        },
      ],
    },
  ],
}
