import { telemetrySetting, type TelemetrySetting } from '../core/telemetry-setting.ts'
import type { CliEnvironment } from './cli-environment.ts'
import type { WriteLog } from './create-logger.ts'

/** Where telemetry goes; what cannot be understood of it is said once, by the process that was started first. */
export function readTelemetrySetting(environment: CliEnvironment, log: WriteLog): TelemetrySetting {
  const { env, mask, supervisor } = environment
  const { setting, warnings } = telemetrySetting(env)
  for (const secret of setting.secrets) mask.add(secret)
  if (supervisor === null) for (const warning of warnings) log('warn', warning)
  return setting
}
