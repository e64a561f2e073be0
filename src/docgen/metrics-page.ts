import { metricTable } from '../core/metric-table.ts'
import type { MetricDefinition } from '../core/metric-definition.ts'
import type { MetricName } from '../core/metric.ts'
import { named } from './dashboards/panel.ts'
import { cell } from './settings-table.ts'

/** The page of all metrics, in Markdown. */
export function metricsPage(): string {
  const rows = Object.entries(metricTable as Readonly<Record<string, MetricDefinition>>).map(
    ([name, definition]) => {
      const { instrument, unit, help, attributes } = definition
      const shown = named(name as MetricName)
      const labels = attributes.map((each) => `\`${each.replaceAll('.', '_')}\``).join(', ')
      return `| \`${name}\`<br>\`${shown}\` | ${instrument} | \`${unit}\` | ${labels} | ${cell(help)} |`
    },
  )
  return `${[
    '# Metrics',
    ...intro,
    [
      '| OpenTelemetry, Prometheus | instrument | unit | labels | |',
      '| --- | --- | --- | --- | --- |',
      ...rows,
    ].join('\n'),
  ].join('\n\n')}\n`
}

const intro = [
  '`millrace run --metrics 9464` serves them at `http://127.0.0.1:9464/metrics` for Prometheus, as text or, for those who ask for it, as OpenMetrics with exemplars. With `OTEL_EXPORTER_OTLP_ENDPOINT` they are sent to a collector by OTLP. The names are the same both ways. Every record counts; nothing is sampled.',
  'Durations are histograms: sent by OTLP with exponential buckets, scraped with buckets from 10 µs to 300 s in steps of 1, 2.5 and 5. Of a duration histogram `_count` is n, `_sum` is T or D, and their quotient t or s. The one histogram of ratios has the same buckets, where 1 s is 1.',
  'A stage that was cut at an internal topic has several parts, each with its own `millrace_stage_part`: T and D of the stage are the sums over its parts. With `run --workers` the numbers of all workers are added up, and `millrace_worker` tells processes apart. A metric has 2,000 series at most; what comes beyond is added up in one with `otel_metric_overflow="true"`.',
  'On Kafka it is not always known when a record could first be read. Its queue then holds the commit of its writer too, which `millrace report` takes out again.',
  'An exemplar is the last traced record of a bucket, with the ids of its trace and of the span of its steps. There are some once traces are sent.',
]
