import { metricTable } from '../../core/metric-table.ts'
import type { MetricDefinition } from '../../core/metric-definition.ts'
import type { MetricName } from '../../core/metric.ts'
import { prometheusName } from '../../core/prometheus-name.ts'

/** A dashboard of Grafana, as far as ours say something. */
export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly description: string
  /** Whether it is about one stage or a few, chosen at the top. */
  readonly hasStage: boolean
  readonly rows: readonly DashboardRow[]
}

export interface DashboardRow {
  readonly title: string
  readonly panels: readonly Panel[]
}

export interface Panel {
  readonly title: string
  readonly description: string
  readonly type: 'timeseries' | 'stat' | 'bargauge' | 'heatmap' | 'table'
  /** As Grafana names it: `s`, `reqps`, `percentunit`. */
  readonly unit: string
  /** Of 24 columns. */
  readonly width: number
  readonly isStacked?: boolean
  /** Whether values can be below 0. */
  readonly isSigned?: boolean
  readonly queries: readonly Query[]
}

export interface Query {
  readonly expr: string
  readonly legend: string
  /** Whether it shows durations by bucket, beside which traces stand. */
  readonly exemplars?: boolean
}

/** Chooses the pipeline of a dashboard, and its stage where it has one. */
export const ofPipeline = 'millrace_name=~"$pipeline"'
export const ofStage = `${ofPipeline},millrace_stage_name=~"$stage"`
export const window = '$__rate_interval'

/** What sums and rates of a stage are grouped by. */
export const byStage = 'millrace_name, millrace_stage_name'

/** The name of a metric in Prometheus. */
export function named(name: MetricName): string {
  const definition: MetricDefinition = metricTable[name]
  const { base } = prometheusName(name, definition)
  return definition.instrument === 'counter' ? `${base}_total` : base
}

/** Of a histogram. */
export function buckets(name: MetricName): string {
  return `${named(name)}_bucket`
}

/** Growth per second. */
export function rate(name: MetricName, selector: string): string {
  return `rate(${named(name)}{${selector}}[${window}])`
}

export function quantile(
  fraction: number,
  name: MetricName,
  { by, selector }: { readonly by: readonly string[]; readonly selector: string },
): string {
  const labels = ['le', ...by].join(', ')
  return `histogram_quantile(${fraction}, sum by (${labels}) (rate(${buckets(name)}{${selector}}[${window}])))`
}

/** The parts of a stage that was cut at internal topics. */
const byPart = `${byStage}, millrace_stage_part`

/** A sum over the records that it is of, per part of a stage. */
export function perPart(name: MetricName, selector: string): string {
  const records = rate('messaging.client.consumed.messages', selector)
  return `sum by (${byPart}) (${rate(name, selector)}) / sum by (${byPart}) (${records} > 0)`
}

/** The same, added up over the parts: what a record of the stage takes. */
export function perRecord(name: MetricName, selector: string): string {
  return `sum by (${byStage}) (${perPart(name, selector)})`
}
