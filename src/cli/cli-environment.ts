import type { Readable, Writable } from 'node:stream'
import type { SpawnProcess } from '../core/async-operator.ts'
import type { Clock, Random } from '../core/clock.ts'
import type { KafkaEndpoints } from '../core/endpoints.ts'
import type { HttpClient } from '../core/http-client.ts'
import type { Listening } from '../core/listening.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { MetricsExporter, MetricsExporterOptions } from '../telemetry/metrics/push-metrics.ts'
import type { OpenTracing, TracingOptions } from '../telemetry/spans/tracing-options.ts'
import type { OpenLog } from './log-choice.ts'
import type { SecretMask } from './secret-mask.ts'
import type { StartWorker, Supervisor } from './worker-process.ts'

/** Everything a command gets from outside; `src/main.ts` makes it, tests make their own. */
export interface CliEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Relative paths on the command line start here. */
  readonly cwd: string
  readonly stdin: Readable
  /** Data only; what people read while it runs goes to `stderr`. */
  readonly stdout: Writable
  readonly stderr: Writable
  readonly screen: Screen
  readonly clock: Clock
  readonly random: Random
  readonly telemetry: Telemetry
  /** Sends metrics by OTLP; loaded by runs that do. Absent where tests send none. */
  readonly openMetricsExporter?: (options: MetricsExporterOptions) => Promise<MetricsExporter>
  /** Sends spans by OTLP; loaded by runs that do. Absent where tests send none. */
  readonly openTracing?: (options: TracingOptions) => Promise<OpenTracing>
  /** Knows all secrets that were read so far: whatever is written for people goes through it. */
  readonly mask: SecretMask
  readonly interrupts: Interrupts
  readonly openLog: OpenLog
  /** Topics of clusters beside the log, for sources and sinks; absent where tests reach none. */
  readonly openKafkaEndpoints?: (options: {
    readonly notice: (message: string) => void
  }) => Promise<KafkaEndpoints>
  /** Requests to others, for sinks, lookups and listeners; absent where tests reach none. */
  readonly openHttpClient?: () => Promise<HttpClient>
  /** Servers for sources and sinks that wait to be called; absent where tests have none. */
  readonly openListening?: () => Listening
  /** Who started this process as one of several workers; null: it is on its own. */
  readonly supervisor: Supervisor | null
  readonly startWorker: StartWorker
  /** For steps that run processes; absent where tests run none. */
  readonly spawn?: SpawnProcess
}

/** What it takes to load pipeline files. */
export type LoadEnvironment = Pick<CliEnvironment, 'env' | 'cwd' | 'mask'>

/** What stderr is shown on. */
export interface Screen {
  readonly isTerminal: boolean
  /** stdout is shown on a terminal too: lines of data would mix with a block that is redrawn. */
  readonly sharesStdout: boolean
  readonly colors: boolean
  /** Whether somebody is there to answer a question on stdin. */
  readonly canAsk: boolean
  size(): { readonly columns: number; readonly rows: number }
}

export interface Interrupts {
  /**
   * Aborts at the first SIGINT or SIGTERM; from the first call on these no longer end the process at
   * once, only a second one does. `reason` is the name of the signal.
   */
  listen(): AbortSignal
  /** Aborts when whoever reads stdout is gone. */
  readonly stdoutClosed: AbortSignal
}

export const exitCodes = { ok: 0, failed: 1, config: 2, interrupted: 130 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Of a command that did what it should until it was stopped. @param reason the signal's name, if there was one */
export function stoppedCode(reason: unknown): ExitCode {
  return reason === 'SIGINT' ? exitCodes.interrupted : exitCodes.ok
}

/** One line for people, without secrets. */
export function say(environment: CliEnvironment, line: string): void {
  environment.stderr.write(`${environment.mask.text(line)}\n`)
}
