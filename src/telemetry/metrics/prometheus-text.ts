import { metricTable } from '../../core/metric-table.ts'
import type { MetricDefinition } from '../../core/metric-definition.ts'
import type { Attributes, Durations, Exemplar, Metric, MetricPoint } from '../../core/metric.ts'
import { classicBoundsUs, classicBucketOf } from './classic-buckets.ts'
import { prometheusName } from '../../core/prometheus-name.ts'

export type TextFormat = 'prometheus' | 'openmetrics'

export const contentTypes: Readonly<Record<TextFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** OpenMetrics, which has exemplars and units, for those who ask for it. */
export function formatFor(accept: string | undefined): TextFormat {
  return accept?.includes('application/openmetrics-text') === true ? 'openmetrics' : 'prometheus'
}

export interface PrometheusTextOptions {
  readonly format: TextFormat
  /** What the process is, as `target_info` tells it. */
  readonly resource: Attributes
}

/** What a scrape gets. Both formats have the same series with the same names. */
export function prometheusText(
  metrics: readonly Metric[],
  { format, resource }: PrometheusTextOptions,
): string {
  const lines = metrics.flatMap((metric) => metricLines(metric, format))
  const isOpen = format === 'openmetrics'
  const name = isOpen ? 'target' : 'target_info'
  const info = [
    `# HELP ${name} What is measured.`,
    `# TYPE ${name} ${isOpen ? 'info' : 'gauge'}`,
    `target_info${labels(resource)} 1`,
  ]
  return `${[...lines, ...info, ...(isOpen ? ['# EOF'] : [])].join('\n')}\n`
}

function metricLines({ name, points }: Metric, format: TextFormat): string[] {
  const definition: MetricDefinition = metricTable[name]
  const { base, unit } = prometheusName(name, definition)
  const isCounter = definition.instrument === 'counter'
  const sample = isCounter ? `${base}_total` : base
  const isOpen = format === 'openmetrics'
  const family = isOpen ? base : sample
  return [
    `# HELP ${family} ${escapedHelp(definition.help, format)}`,
    `# TYPE ${family} ${definition.instrument}`,
    ...(isOpen && unit !== null ? [`# UNIT ${family} ${unit}`] : []),
    ...points.flatMap((point) => pointLines(sample, point, format)),
  ]
}

function pointLines(name: string, point: MetricPoint, format: TextFormat): string[] {
  if ('value' in point) return [`${name}${labels(point.attributes)} ${numberText(point.value)}`]
  const { attributes, durations, exemplars } = point
  const counts = classicCounts(durations)
  const shown = format === 'openmetrics' ? exemplars : []
  const lastByBucket = new Map(shown.map((each) => [classicBucketOf(each.valueUs), each]))
  return [
    ...counts.map((count, index) => {
      const le = labels([...attributes, ['le', boundText(classicBoundsUs[index])]])
      return `${name}_bucket${le} ${count}${exemplarText(lastByBucket.get(index))}`
    }),
    `${name}_count${labels(attributes)} ${durations.count}`,
    `${name}_sum${labels(attributes)} ${numberText(durations.sumUs / 1e6)}`,
  ]
}

/**
 * Durations up to each bound; the last counts all. Of the finer buckets that durations come in, one that
 * a bound cuts counts where its middle is, at most 1.6 % beside the bound.
 */
function classicCounts({ buckets, count }: Durations): number[] {
  const counts: number[] = []
  let next = 0
  let sum = 0
  for (const boundUs of classicBoundsUs) {
    for (; next < buckets.length; next++) {
      const [lowUs, highUs, inBucket] = buckets[next]!
      if ((lowUs + highUs) / 2 > boundUs) break
      sum += inBucket
    }
    counts.push(sum)
  }
  return [...counts, count]
}

function exemplarText(exemplar: Exemplar | undefined): string {
  if (exemplar === undefined) return ''
  const { traceId, spanId, valueUs, timeUs } = exemplar
  const ids = labels([
    ['trace_id', traceId],
    ['span_id', spanId],
  ])
  return ` # ${ids} ${numberText(valueUs / 1e6)} ${(timeUs / 1e6).toFixed(3)}`
}

/** Always with a point, so that both formats name the same bucket in the same way. */
function boundText(boundUs: number | undefined): string {
  if (boundUs === undefined) return '+Inf'
  const text = String(boundUs / 1e6)
  return /[.e]/.test(text) ? text : `${text}.0`
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

function labels(attributes: Attributes): string {
  if (attributes.length === 0) return ''
  const pairs = attributes.map(([name, value]) => `${labelName(name)}="${escapedLabel(value)}"`)
  return `{${pairs.join(',')}}`
}

function labelName(name: string): string {
  const word = name.replaceAll(/[^a-zA-Z0-9_]/g, '_')
  return /^\d/.test(word) ? `_${word}` : word
}

/** What a name may hold that came with data: nothing of it ends the line or the quotes. */
function escapedLabel(text: string): string {
  return text.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function escapedHelp(text: string, format: TextFormat): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return format === 'openmetrics' ? escaped.replaceAll('"', '\\"') : escaped
}
