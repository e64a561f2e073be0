import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import { messageOf } from '../core/errors.ts'
import type { OtlpSetting } from '../core/otlp-setting.ts'
import type { TelemetrySetting } from '../core/telemetry-setting.ts'
import { SpanMaker } from './spans/make-spans.ts'
import { SpanQueue } from './spans/span-queue.ts'
import { SpanTracing } from './spans/span-tracing.ts'
import type { OpenTracing, TracingOptions } from './spans/tracing-options.ts'

/** What a collector that does not answer may cost at the end of a run. */
const maxCloseMs = 1_900
/** `ExportResultCode.SUCCESS`. */
const success = 0

/** Sends spans by OTLP. Loads the exporter of the protocol, which takes its time: for runs only. */
export async function openOtelSpans(options: TracingOptions): Promise<OpenTracing> {
  const { setting, otlp, clock, notice, version, instance, system } = options
  const exporter = await otlpExporter(otlp)
  let isTold = false
  const queue = new SpanQueue<ReadableSpan>({
    ...setting.traces.batch,
    clock,
    send: (spans) => sendBy(exporter, spans),
    onFailure: (thrown) => {
      if (isTold) return
      isTold = true
      notice(
        `spans cannot be sent to ${shownEndpoint(otlp)}: ${reasonOf(thrown)}; the run goes on without them, and they are counted`,
      )
    },
  })
  const { serviceName, resourceAttributes } = setting
  const maker = new SpanMaker({
    serviceName,
    attributes: resourceAttributes,
    instance,
    version,
    system,
  })
  const tracing = new SpanTracing({ maker, queue, ratio: ratioOf(setting) })
  return {
    tracing,
    close: async () => {
      await queue.close(maxCloseMs)
      // Waits for exports that may hang: nobody waits for it.
      exporter.shutdown().catch(() => {})
    },
  }
}

function sendBy(exporter: SpanExporter, spans: readonly ReadableSpan[]): Promise<void> {
  return new Promise((resolve, reject) => {
    // A number, so that the package which names the codes need not be loaded.
    exporter.export([...spans], ({ code, error }: { code: number; error?: Error }) => {
      if (code === success) resolve()
      else reject(error ?? new Error('the collector refused them'))
    })
  })
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
}: OtlpSetting): Promise<SpanExporter> {
  // Batches go one by one; what timed out may still be on its way.
  const config = { url: endpoint, timeoutMillis: timeoutMs, concurrencyLimit: 2 }
  if (protocol === 'grpc') {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-grpc')
    return new OTLPTraceExporter(config)
  }
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto')
  return new OTLPTraceExporter({ ...config, headers: Object.fromEntries(headers) })
}

/** A share of the records that begin a trace, where the standard variables say one. */
function ratioOf({ traces }: TelemetrySetting): number | null {
  return traces.sampler === null ? null : traces.sampler.ratio
}

function reasonOf(thrown: unknown): string {
  const message = messageOf(thrown)
  if (message !== '') return message
  // Of several addresses of a host each has its own error.
  return thrown instanceof AggregateError ? messageOf(thrown.errors[0]) : 'it did not take them'
}

/** Without what may be a password. */
function shownEndpoint({ endpoint }: OtlpSetting): string {
  const { origin, pathname } = new URL(endpoint)
  return pathname === '/' ? origin : `${origin}${pathname}`
}
