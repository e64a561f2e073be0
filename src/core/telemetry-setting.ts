import { OtelVariables } from './otel-variables.ts'
import { otlpSetting, type OtlpSetting } from './otlp-setting.ts'

/** Where spans and metrics go, as the standard `OTEL_*` variables say it. Nothing goes anywhere by default. */
export interface TelemetrySetting {
  /** `OTEL_SDK_DISABLED`: all of this is off, whatever else is said. */
  readonly isDisabled: boolean
  /** `OTEL_SERVICE_NAME`, or `service.name` of the attributes; null: each stage has its own. */
  readonly serviceName: string | null
  /** `OTEL_RESOURCE_ATTRIBUTES`, without `service.name`. */
  readonly resourceAttributes: ReadonlyMap<string, string>
  readonly traces: TracesSetting
  readonly metrics: MetricsSetting
  /** Values that must not be shown, such as those of headers. */
  readonly secrets: readonly string[]
}

export interface TracesSetting {
  /** null: no spans are sent. */
  readonly otlp: OtlpSetting | null
  /** `OTEL_TRACES_SAMPLER`; null: as the pipeline file says. */
  readonly sampler: TraceSampler | null
  /** `OTEL_BSP_*`. */
  readonly batch: {
    readonly scheduleDelayMs: number
    readonly exportTimeoutMs: number
    readonly maxQueueSize: number
    readonly maxBatchSize: number
  }
  /** `OTEL_PROPAGATORS`: whether `traceparent` and `tracestate` of records are read and written. */
  readonly propagates: boolean
}

export interface TraceSampler {
  readonly name: (typeof samplers)[number]
  /** `OTEL_TRACES_SAMPLER_ARG`, 0 to 1, of the samplers by ratio. */
  readonly ratio: number
}

export interface MetricsSetting {
  /** null: none are sent. */
  readonly otlp: OtlpSetting | null
  readonly exportIntervalMs: number
  readonly exportTimeoutMs: number
  readonly temporality: (typeof temporalities)[number]
  readonly histograms: 'exponential' | 'explicit'
  /** Where they are served for Prometheus; null: nowhere. The command line may say another place. */
  readonly prometheus: { readonly host: string; readonly port: number } | null
  /** Whether trace ids stand beside buckets. */
  readonly exemplars: boolean
}

const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const
const temporalities = ['cumulative', 'delta', 'lowmemory'] as const
const maxDelayMs = 86_400_000
/** Of spans that wait to be sent; some 500 bytes each. */
const defaultQueueSize = 4_096

/** @param env of the process. A value that is not understood makes a warning and counts as not set. */
export function telemetrySetting(env: Readonly<Record<string, string | undefined>>): {
  readonly setting: TelemetrySetting
  readonly warnings: readonly string[]
} {
  const variables = new OtelVariables(env)
  const isDisabled = variables.isTrue('OTEL_SDK_DISABLED')
  const attributes = new Map(variables.pairs(['OTEL_RESOURCE_ATTRIBUTES']))
  const serviceName = variables.text('OTEL_SERVICE_NAME') ?? attributes.get('service.name') ?? null
  attributes.delete('service.name')
  const traces = tracesSetting(variables, isDisabled)
  const metrics = metricsSetting(variables, isDisabled)
  const secrets = [traces.otlp, metrics.otlp].flatMap((otlp) => otlp?.secrets ?? [])
  return {
    setting: {
      isDisabled,
      serviceName,
      resourceAttributes: attributes,
      traces,
      metrics,
      secrets: [...new Set(secrets)],
    },
    warnings: isDisabled ? [] : variables.warnings,
  }
}

function tracesSetting(variables: OtelVariables, isDisabled: boolean): TracesSetting {
  const exporters = variables.choices('OTEL_TRACES_EXPORTER', ['otlp', 'none'])
  const queue = variables.integer(['OTEL_BSP_MAX_QUEUE_SIZE'], {
    fallback: defaultQueueSize,
    min: 1,
    max: 1_000_000,
  })
  const time = (name: string, fallback: number) =>
    variables.integer([name], { fallback, min: 0, max: maxDelayMs })
  return {
    otlp: isDisabled ? null : otlpSetting(variables, 'TRACES', exporters),
    sampler: samplerOf(variables),
    batch: {
      scheduleDelayMs: time('OTEL_BSP_SCHEDULE_DELAY', 5_000),
      exportTimeoutMs: time('OTEL_BSP_EXPORT_TIMEOUT', 30_000),
      maxQueueSize: queue,
      maxBatchSize: variables.integer(['OTEL_BSP_MAX_EXPORT_BATCH_SIZE'], {
        fallback: Math.min(512, queue),
        min: 1,
        max: queue,
      }),
    },
    propagates: propagates(variables),
  }
}

/** Baggage is handed on as any header, whether it is named here or not. */
function propagates(variables: OtelVariables): boolean {
  const names = variables.choices('OTEL_PROPAGATORS', ['tracecontext', 'baggage', 'none'])
  return names === null || names.length === 0 || names.includes('tracecontext')
}

function samplerOf(variables: OtelVariables): TraceSampler | null {
  const name = variables.choice(['OTEL_TRACES_SAMPLER'], samplers, null)
  const argument = variables.text('OTEL_TRACES_SAMPLER_ARG')
  if (name === null) return null
  if (!name.endsWith('traceidratio')) return { name, ratio: name.endsWith('on') ? 1 : 0 }
  const ratio = argument === null ? 1 : Number(argument)
  if (ratio >= 0 && ratio <= 1) return { name, ratio }
  variables.warn('OTEL_TRACES_SAMPLER_ARG', 'is no number from 0 to 1')
  return { name, ratio: 1 }
}

function metricsSetting(variables: OtelVariables, isDisabled: boolean): MetricsSetting {
  const exporters = variables.choices('OTEL_METRICS_EXPORTER', ['otlp', 'prometheus', 'none'])
  const interval = variables.integer(['OTEL_METRIC_EXPORT_INTERVAL'], {
    fallback: 60_000,
    min: 100,
    max: maxDelayMs,
  })
  const preferred = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE'
  const kinds = ['base2_exponential_bucket_histogram', 'explicit_bucket_histogram'] as const
  const kind = variables.choice(
    ['OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION'],
    kinds,
    kinds[0],
  )
  const filters = ['trace_based', 'always_on', 'always_off'] as const
  const isServed = exporters?.includes('prometheus') === true && !isDisabled
  const host = variables.text('OTEL_EXPORTER_PROMETHEUS_HOST') ?? 'localhost'
  const port = { fallback: 9_464, min: 0, max: 65_535 }
  return {
    otlp: isDisabled ? null : otlpSetting(variables, 'METRICS', exporters),
    exportIntervalMs: interval,
    // The SDK wants an export to be over before the next one begins.
    exportTimeoutMs: Math.min(
      interval,
      variables.integer(['OTEL_METRIC_EXPORT_TIMEOUT'], {
        fallback: 30_000,
        min: 1,
        max: maxDelayMs,
      }),
    ),
    temporality: variables.choice([preferred], temporalities, 'cumulative'),
    histograms: kind === 'explicit_bucket_histogram' ? 'explicit' : 'exponential',
    prometheus: isServed
      ? { host, port: variables.integer(['OTEL_EXPORTER_PROMETHEUS_PORT'], port) }
      : null,
    exemplars:
      variables.choice(['OTEL_METRICS_EXEMPLAR_FILTER'], filters, 'trace_based') !== 'always_off',
  }
}
