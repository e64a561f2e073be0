import { createSystemClock } from '../../src/clock/system-clock.ts'
import type { HookEventName } from '../../src/core/hook.ts'
import { telemetrySetting } from '../../src/core/telemetry-setting.ts'
import { PipelineDriver } from '../../src/simulation/pipeline-driver.ts'
import { openOtelSpans } from '../../src/telemetry/otel-spans.ts'
import { type CompileOptions, startMs, topologyOf } from '../simulation/pipeline-fixture.ts'
import { startOtlpReceiver } from './otlp-receiver.ts'
import type { ReceivedSpan } from './otlp-spans.ts'

/** Tracing that hands its spans to a collector, which the test asks. */
export async function openTracing(env: Readonly<Record<string, string>> = {}) {
  const receiver = await startOtlpReceiver()
  const notices: string[] = []
  const { setting } = telemetrySetting({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env })
  const open = await openOtelSpans({
    setting,
    otlp: setting.traces.otlp!,
    clock: createSystemClock(),
    notice: (message) => void notices.push(message),
    version: '1.2.3',
    instance: 'test/1',
    system: 'millrace',
  })
  return {
    telemetry: { sliceCommitted: () => {}, tracing: open.tracing },
    notices,
    /** Sends all that is left; the spans, in the order in which they came. */
    async spans(): Promise<readonly ReceivedSpan[]> {
      await open.close()
      await receiver.close()
      return receiver.spans
    },
  }
}

/** Runs a pipeline over the memory log, with tracing; by default nobody listens to its events. */
export async function traceScene(
  text: string,
  options: CompileOptions & {
    readonly env?: Readonly<Record<string, string>>
    readonly hears?: readonly HookEventName[]
  } = {},
) {
  const tracing = await openTracing(options.env)
  const { telemetry } = tracing
  const { hears = [] } = options
  const driver = new PipelineDriver(topologyOf(text, options), { startMs, telemetry, hears })
  await driver.start()
  return {
    driver,
    counts: () => telemetry.tracing.counts,
    /** Stops everything first. */
    async spans(): Promise<readonly ReceivedSpan[]> {
      await driver.close()
      return tracing.spans()
    },
  }
}

export function byTrace(spans: readonly ReceivedSpan[]): ReceivedSpan[][] {
  return [...Map.groupBy(spans, ({ traceId }) => traceId).values()]
}

export function named(spans: readonly ReceivedSpan[], name: string): ReceivedSpan[] {
  return spans.filter((span) => span.name === name)
}

/** The trace as indented lines: what a person sees. */
export function treeOf(trace: readonly ReceivedSpan[]): string[] {
  const ids = new Set(trace.map(({ spanId }) => spanId))
  const below = (parentId: string, depth: number): string[] =>
    trace
      .filter((span) => span.parentId === parentId)
      .flatMap((span) => [
        `${'  '.repeat(depth)}${span.service} ${span.name}`,
        ...below(span.spanId, depth + 1),
      ])
  const roots = new Set(trace.map(({ parentId }) => parentId).filter((id) => !ids.has(id)))
  return [...roots].flatMap((parentId) => below(parentId, 0))
}
