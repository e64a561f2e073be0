import type { LogLevel } from '../core/hook.ts'
import type { TelemetrySetting } from '../core/telemetry-setting.ts'
import type { RunReport } from '../runtime/run-report.ts'
import { logArguments, type LogOptions } from './choose-log.ts'
import type { CliEnvironment } from './cli-environment.ts'
import type { WriteLog } from './create-logger.ts'
import type { LogChoice } from './log-choice.ts'
import type { StatusArea } from './status-area.ts'
import { summaryLines } from './summary.ts'

export interface RunOptions extends LogOptions {
  readonly fresh?: boolean
  /** Names of stages, or `pipeline.stage`. */
  readonly only?: readonly string[]
  readonly follow?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
  readonly workers?: number
  readonly createTopics: boolean
  readonly yes?: boolean
  readonly threads?: number
  readonly metrics?: string
  readonly metricsOpen?: boolean
  readonly logLevel: LogLevel
  readonly logFormat: 'text' | 'json'
}

/** A run being set up: what its parts need in common. */
export interface Setting {
  readonly options: RunOptions
  readonly choice: LogChoice
  readonly environment: CliEnvironment
  readonly area: StatusArea
  readonly log: WriteLog
  /** Aborts when nobody reads stdout any more and the run writes nowhere else; else none. */
  readonly endOfStdout: readonly AbortSignal[]
  /** Files that stages write, as users know them, by `<pipeline>.<stage>`. */
  readonly writtenFiles: ReadonlyMap<string, readonly string[]>
  readonly telemetry: TelemetrySetting
}

/** Each takes some 40 MB; beyond these the main thread, which reads and commits, is the limit. */
export const maxThreads = 2

/** What the run did: as JSON on stdout where that is asked for, and for people on stderr. */
export async function printReport(
  report: RunReport,
  { options, choice, environment, area, log, writtenFiles }: Setting,
): Promise<void> {
  if (options.json === true) {
    environment.stdout.write(`${JSON.stringify(environment.mask.json(report), null, 2)}\n`)
  }
  if (options.quiet === true || environment.interrupts.stdoutClosed.aborted) return
  if (options.logFormat === 'json') return logOutcomes(report, log)
  const where = logArguments(choice)
  const lines = summaryLines(report, {
    colors: environment.screen.colors,
    logHint: where === '' ? '' : ` ${where}`,
    files: writtenFiles,
  })
  for (const line of lines) area.line(line)
}

/** Lines for machines stay lines for machines: the same numbers come with `--json`. */
function logOutcomes({ pipelines }: RunReport, log: WriteLog): void {
  for (const { pipeline, outcome, stages } of pipelines) {
    const records = Object.fromEntries(stages.map(({ stage, n }) => [stage, n]))
    log('info', `the pipeline ${pipeline} has ${outcome}`, { pipeline, outcome, records })
  }
}
