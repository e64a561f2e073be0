import type { Clock } from '../../core/clock.ts'
import type { OtlpSetting } from '../../core/otlp-setting.ts'
import type { Tracing } from '../../core/telemetry.ts'
import type { TelemetrySetting } from '../../core/telemetry-setting.ts'

export interface TracingOptions {
  readonly setting: TelemetrySetting
  readonly otlp: OtlpSetting
  readonly clock: Clock
  /** Told once that spans are not taken. */
  readonly notice: (message: string) => void
  /** Of Millrace. */
  readonly version: string
  /** Tells this process from others. */
  readonly instance: string
  /** What the topics of the run lie in. */
  readonly system: 'kafka' | 'millrace'
}

export interface OpenTracing {
  readonly tracing: Tracing
  /** Sends what is left, within 2 s. Never rejects. */
  close(): Promise<void>
}
