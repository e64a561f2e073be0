import { hostname } from 'node:os'
import type { OpenTracing } from '../telemetry/spans/tracing-options.ts'
import { packageVersion } from './package-files.ts'
import type { Setting } from './run-setting.ts'

/**
 * Each process sends its own spans. null: nobody wants any, or they could not be joined, because
 * `OTEL_PROPAGATORS` leaves out the headers that carry their ids.
 */
export async function openTracing(
  setting: Pick<Setting, 'environment' | 'telemetry' | 'choice' | 'log'>,
): Promise<OpenTracing | null> {
  const { environment, telemetry, choice, log } = setting
  const { otlp, propagates, sampler } = telemetry.traces
  if (environment.openTracing === undefined || otlp === null) return null
  if (!propagates || sampler?.name === 'always_off') return null
  return environment.openTracing({
    setting: telemetry,
    otlp,
    clock: environment.clock,
    notice: (message) => log('warn', message),
    version: packageVersion(),
    instance: `${hostname()}/${process.pid}`,
    system: choice.kind === 'embedded' ? 'millrace' : 'kafka',
  })
}
