import { PipelineError } from '../core/errors.ts'
import type { LogReader } from '../core/log.ts'
import { mergeTimings, type HistoryReport } from '../runtime/merge-timings.ts'
import { chooseLog, logArguments, type LogOptions } from './choose-log.ts'
import {
  exitCodes,
  say,
  stoppedCode,
  type CliEnvironment,
  type ExitCode,
} from './cli-environment.ts'
import { loadOrTell } from './load-or-tell.ts'
import { lookIntoLog } from './open-log.ts'
import { readTimings, type TimeRange } from './read-timings.ts'
import { showCount, showDuration } from './show-amount.ts'
import { timeText } from './stored-record.ts'
import { summaryLines } from './summary.ts'

export interface ReportOptions extends LogOptions {
  /** Ms before now. */
  readonly since?: number
  /** Epoch ms. */
  readonly from?: number
  readonly to?: number
  readonly json?: boolean
  readonly watch?: boolean
}

const watchMs = 2_000
/** Clears a terminal and begins at its top. */
const clear = '\u001b[H\u001b[J'

/** `millrace report`: where the time went, of a run that is on or over, or of a time. */
export async function report(
  paths: readonly string[],
  options: ReportOptions,
  environment: CliEnvironment,
): Promise<ExitCode> {
  assertRange(options)
  const files = paths.length === 0 ? [] : loadOrTell(paths, options.log, environment)
  if (files === null) return exitCodes.config
  const choice = chooseLog(options, files, environment)
  const pipelines =
    files.length === 0 ? null : new Set(files.map(({ topology }) => topology.pipeline))
  return lookIntoLog(choice, environment, async ({ reader }) => {
    const where = logArguments(choice)
    const showing = new Showing(options, environment, where === '' ? '' : ` ${where}`)
    const read = () => look(reader, options, { environment, pipelines })
    if (options.watch !== true) return showing.show(await read())
    return watch(read, showing, environment)
  })
}

interface Looked {
  readonly reports: readonly HistoryReport[]
  readonly unreadable: number
}

async function look(
  reader: LogReader,
  options: ReportOptions,
  of: { readonly environment: CliEnvironment; readonly pipelines: ReadonlySet<string> | null },
): Promise<Looked> {
  const nowMs = of.environment.clock.wallMs()
  const { timings, unreadable } = await readTimings(reader, rangeOf(options, nowMs), of.pipelines)
  return { reports: mergeTimings(timings, 1_000 * nowMs), unreadable }
}

function rangeOf({ since, from, to }: ReportOptions, nowMs: number): TimeRange {
  const toMs = to ?? Number.POSITIVE_INFINITY
  if (since !== undefined) return { fromMs: nowMs - since, toMs }
  return { fromMs: from ?? (to === undefined ? null : 0), toMs }
}

async function watch(
  read: () => Promise<Looked>,
  showing: Showing,
  { interrupts, clock }: CliEnvironment,
): Promise<ExitCode> {
  const stopping = interrupts.listen()
  const stop = AbortSignal.any([stopping, interrupts.stdoutClosed])
  while (!stop.aborted) {
    showing.show(await read())
    await clock.sleep(watchMs, stop)
  }
  return stoppedCode(stopping.reason)
}

/** Prints reports, in `--watch` those that are new only. */
class Showing {
  readonly #options: ReportOptions
  readonly #environment: CliEnvironment
  readonly #logHint: string
  #shown = ''

  constructor(options: ReportOptions, environment: CliEnvironment, logHint: string) {
    this.#options = options
    this.#environment = environment
    this.#logHint = logHint
  }

  show({ reports, unreadable }: Looked): ExitCode {
    const { stdout, mask, screen } = this.#environment
    const isWatch = this.#options.watch === true
    const text = this.#options.json === true ? this.#json(reports) : this.#text(reports)
    if (isWatch && text === this.#shown) return exitCodes.ok
    this.#shown = text
    const isRedrawn = isWatch && this.#options.json !== true && screen.sharesStdout
    stdout.write(mask.text(isRedrawn ? clear + text : text))
    if (unreadable > 0 && !isWatch)
      say(
        this.#environment,
        `${showCount(unreadable)} records of the history could not be read: another program, or a newer Millrace, wrote them.`,
      )
    return exitCodes.ok
  }

  #json(reports: readonly HistoryReport[]): string {
    const pipelines = reports.map(({ report: pipeline, fromUs, toUs, durationMs, workers }) => ({
      from: timeText(fromUs / 1_000),
      to: timeText(toUs / 1_000),
      durationMs,
      workers,
      ...pipeline,
    }))
    const indent = this.#options.watch === true ? undefined : 2
    return `${JSON.stringify(this.#environment.mask.json({ pipelines }), null, indent)}\n`
  }

  #text(reports: readonly HistoryReport[]): string {
    if (reports.length === 0) return `${nothing(this.#options)}\n`
    const { screen } = this.#environment
    const lines = reports.flatMap(({ report: pipeline, fromUs, toUs, durationMs, workers }) => {
      const summary = summaryLines(
        { durationMs, pipelines: [pipeline] },
        {
          colors: screen.colors && screen.sharesStdout,
          logHint: this.#logHint,
          files: new Map(),
          span: `measured from ${timeText(fromUs / 1_000)} to ${timeText(toUs / 1_000)}, ${showDuration(durationMs)} of work by ${workers === 1 ? 'one process' : `${workers} processes`}`,
        },
      )
      return summary
    })
    return `${lines.join('\n').trimStart()}\n`
  }
}

function nothing({ since, from, to }: ReportOptions): string {
  const isRange = since !== undefined || from !== undefined || to !== undefined
  return isRange
    ? 'Nothing was measured in that time; without --since, --from and --to the latest run is shown.'
    : 'Nothing has been measured yet: run a pipeline first. Its timings come 2 s after it began, then every 10 s.'
}

function assertRange({ since, from, to, watch: isWatch }: ReportOptions): void {
  const problem =
    since !== undefined && (from !== undefined || to !== undefined)
      ? '--since is up to now: leave it out, or --from and --to'
      : from !== undefined && to !== undefined && from >= to
        ? '--from lies behind --to'
        : isWatch === true && to !== undefined
          ? '--watch goes on from now: leave out --to'
          : null
  if (problem !== null) throw new PipelineError('CONFIG_USAGE', problem)
}
