import { resourceFromAttributes } from '@opentelemetry/resources'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Metric } from '../core/metric.ts'
import type { OtlpSetting } from '../core/otlp-setting.ts'
import { MetricDataMaker } from './metrics/metric-data.ts'
import type {
  ExportTimes,
  MetricsExporter,
  MetricsExporterOptions,
} from './metrics/push-metrics.ts'

/** What the exporters of OpenTelemetry have in common that is used of them. */
interface OtlpExporter {
  export(metrics: ResourceMetrics, done: (result: { readonly code: number }) => void): void
  shutdown(): Promise<void>
}

/** `ExportResultCode.SUCCESS`. */
const success = 0

/** Sends metrics by OTLP. Loads the exporter of the protocol, which takes its time: for runs only. */
export async function openMetricsExporter(
  options: MetricsExporterOptions,
): Promise<MetricsExporter> {
  const { setting, resource, version } = options
  const exporter = await otlpExporter(options.otlp)
  const maker = new MetricDataMaker(setting)
  const of = resourceFromAttributes(Object.fromEntries(resource))
  const send = (metrics: readonly Metric[], times: ExportTimes): Promise<boolean> =>
    new Promise((resolve) => {
      const scope = { name: 'millrace', version }
      const scopeMetrics = [{ scope, metrics: maker.make(metrics, times) }]
      exporter.export({ resource: of, scopeMetrics }, ({ code }) => resolve(code === success))
    })
  return {
    export: async (metrics, times) => {
      const isTaken = await send(metrics, times).catch(() => false)
      if (isTaken) maker.taken(metrics, times)
      return isTaken
    },
    close: () => exporter.shutdown(),
  }
}

/**
 * Headers over grpc, compression and certificates are those of the same variables, which the exporters
 * read for themselves.
 */
async function otlpExporter({
  protocol,
  endpoint,
  timeoutMs,
  headers,
}: OtlpSetting): Promise<OtlpExporter> {
  const config = { url: endpoint, timeoutMillis: timeoutMs }
  if (protocol === 'grpc') {
    const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-grpc')
    return new OTLPMetricExporter(config)
  }
  const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-proto')
  return new OTLPMetricExporter({ ...config, headers: Object.fromEntries(headers) })
}
