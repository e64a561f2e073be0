import { availableParallelism } from 'node:os'
import { relative } from 'node:path'
import { instantOf } from '../clock/system-clock.ts'
import { PipelineError } from '../core/errors.ts'
import type { LogLevel } from '../core/hook.ts'
import type { Log } from '../core/log.ts'
import type { RunEnvironment } from '../runtime/pipeline-run.ts'
import type { RunReport } from '../runtime/run-report.ts'
import { startRun, type Run } from '../runtime/start-run.ts'
import type { SinkOutput } from '../topology/topology.ts'
import { assertEmbeddedLog } from './choose-log.ts'
import { exitCodes, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { createLogger, type WriteLog } from './create-logger.ts'
import { fitStoredTopics, type FittedTopologies } from './fit-stored-topics.ts'
import { isError, loadTopologies, type PipelineFile } from './load-topologies.ts'
import { limitYoungGeneration } from './limit-young-generation.ts'
import { openLogForWriting } from './open-log.ts'
import { printDiagnostics } from './print-diagnostics.ts'
import { printError } from './print-error.ts'
import { resetPipelines } from './reset-pipelines.ts'
import { StatusArea } from './status-area.ts'
import { StepThreads } from './step-threads.ts'
import { summaryLines } from './summary.ts'
import { superviseRun, type Ending } from './supervise-run.ts'

export interface RunOptions {
  readonly dataDir: string
  readonly fresh?: boolean
  readonly follow?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
  readonly log?: string
  readonly workers?: number
  readonly threads?: number
  readonly logLevel: LogLevel
  readonly logFormat: 'text' | 'json'
}

/** A run being set up: what its parts need in common. */
interface Setting {
  readonly options: RunOptions
  readonly environment: CliEnvironment
  readonly area: StatusArea
  readonly log: WriteLog
}

const defaultDataDir = './.millrace'
/** Each takes some 40 MB; beyond these the main thread, which reads and commits, is the limit. */
const maxThreads = 2

export async function run(
  paths: readonly string[],
  options: RunOptions,
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { files, diagnostics } = loadTopologies(paths, environment)
  printDiagnostics(environment, diagnostics)
  if (diagnostics.some(isError)) return exitCodes.config
  assertEmbeddedLog(options, files, environment)
  const sinksToStdout = stagesWithStdout(files)
  if (options.json === true) refuseMixedOutput(sinksToStdout)
  const { screen } = environment
  const block =
    screen.isTerminal &&
    options.quiet !== true &&
    !(screen.sharesStdout && sinksToStdout.length > 0)
  const area = new StatusArea(environment, { block })
  const level = options.quiet === true && options.logLevel !== 'error' ? 'warn' : options.logLevel
  const write = (line: string) => area.line(line)
  const log = createLogger({ level, format: options.logFormat, clock: environment.clock, write })
  return runInLog(files, { options, environment, area, log })
}

async function runInLog(files: readonly PipelineFile[], setting: Setting): Promise<ExitCode> {
  const { options, environment } = setting
  const stopping = environment.interrupts.listen()
  const log = await openLogForWriting(options.dataDir, environment, (message) =>
    setting.log('warn', message),
  )
  let closing: Promise<void> | null = null
  const close = () => (closing ??= log.close())
  const over = new AbortController()
  const limiting = limitYoungGeneration(environment.clock, over.signal)
  let threads: StepThreads | null = null
  try {
    const topologies = files.map(({ topology }) => topology)
    if (options.fresh === true) await resetPipelines(topologies, log)
    const fitted = await fitStoredTopics(files, log.reader, environment)
    const stop = new AbortController()
    const signal = AbortSignal.any([stopping, stop.signal, ...endOfStdout(files, environment)])
    threads = stepThreads(files, fitted, setting)
    const environmentOfRun = { ...runEnvironment(log, setting), executor: threads }
    const started = await startRun(fitted.topologies, environmentOfRun, signal)
    const { area } = setting
    const ending = await superviseRun(started, {
      environment,
      area,
      log: setting.log,
      stopping,
      stop: () => stop.abort(),
      quiet: options.quiet === true,
      close,
      tell: (error) => tellFailure(error, setting),
    })
    await report(started, ending, setting)
    return exitCodeOf(started, ending)
  } catch (thrown) {
    await close()
    throw thrown
  } finally {
    over.abort()
    await threads?.close()
    await limiting
  }
}

/** By default as many as there are cores beside the main thread's. */
function stepThreads(
  files: readonly PipelineFile[],
  { stored }: FittedTopologies,
  { options, environment, log }: Setting,
): StepThreads | null {
  const count = options.threads ?? Math.min(availableParallelism() - 1, maxThreads)
  if (count === 0) return null
  const { cwd, env, clock } = environment
  const data = {
    paths: files.map(({ absolute }) => absolute),
    cwd,
    env: { ...env },
    stored,
    texts: files.map(({ text }) => text),
    instant: instantOf(clock),
  }
  return new StepThreads({ count, data, log })
}

function runEnvironment(
  log: Log,
  { environment, options, log: writeLog }: Setting,
): Omit<RunEnvironment, 'executor'> {
  const { clock, random, stdout, telemetry } = environment
  const mask = environment.mask.text
  const notice = (message: string) => writeLog('warn', message)
  const endpoints = {
    clock,
    random,
    stdout,
    notice,
    // Opened by the source that reads it only.
    get stdin() {
      return environment.stdin
    },
  }
  return {
    log,
    clock,
    random,
    endpoints,
    telemetry,
    mask,
    listeners: { log: writeLog },
    notice,
    follow: options.follow === true,
    outsideEnds: null,
  }
}

function stagesWithStdout(files: readonly PipelineFile[]): string[] {
  return files.flatMap(({ topology }) =>
    topology.nodes
      .filter(({ output }) => output?.kind === 'sink' && output.definition.type === 'stdout')
      .map(({ stage }) => stage),
  )
}

/** Once nobody reads stdout a run is of no use that writes nowhere else. */
function endOfStdout(
  files: readonly PipelineFile[],
  { interrupts }: CliEnvironment,
): AbortSignal[] {
  const nodes = files.flatMap(({ topology }) => topology.nodes)
  const sinks = nodes.filter(({ output }) => output?.kind === 'sink')
  return sinks.length > 0 && sinks.length === stagesWithStdout(files).length
    ? [interrupts.stdoutClosed]
    : []
}

function refuseMixedOutput([stage]: readonly string[]): void {
  if (stage === undefined) return
  throw new PipelineError(
    'CONFIG_USAGE',
    `--json prints the report on stdout, where the stage "${stage}" writes its records; leave out --json, or ` +
      'give that stage another sink, such as a file',
  )
}

async function report(
  started: Run,
  ending: Ending,
  { options, environment, area, log }: Setting,
): Promise<void> {
  if (ending.isForced) return
  const result = await started.report()
  if (options.json === true) {
    environment.stdout.write(`${JSON.stringify(environment.mask.json(result), null, 2)}\n`)
  }
  if (options.quiet === true || environment.interrupts.stdoutClosed.aborted) return
  if (options.logFormat === 'json') return logOutcomes(result, log)
  const dataDirHint = options.dataDir === defaultDataDir ? '' : ` --data-dir ${options.dataDir}`
  const lines = summaryLines(result, {
    colors: environment.screen.colors,
    dataDirHint,
    files: writtenFiles(started, environment.cwd),
  })
  for (const line of lines) area.line(line)
}

function writtenFiles({ runs }: Run, cwd: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    runs.flatMap(({ topology: { pipeline, nodes } }) =>
      nodes.flatMap(({ stage, output }) =>
        output?.kind === 'sink'
          ? [[`${pipeline}.${stage}`, filesOf(output).map((path) => shortPath(path, cwd))] as const]
          : [],
      ),
    ),
  )
}

function filesOf({ definition, config }: SinkOutput): readonly string[] {
  return definition.files(config)
}

/** Relative where that is the shorter way to say it. */
function shortPath(path: string, cwd: string): string {
  const fromHere = relative(cwd, path)
  return fromHere.length < path.length ? fromHere : path
}

/** Lines for machines stay lines for machines: the same numbers come with `--json`. */
function logOutcomes({ pipelines }: RunReport, log: WriteLog): void {
  for (const { pipeline, outcome, stages } of pipelines) {
    const records = Object.fromEntries(stages.map(({ stage, n }) => [stage, n]))
    log('info', `the pipeline ${pipeline} has ${outcome}`, { pipeline, outcome, records })
  }
}

function tellFailure(error: PipelineError, { options, environment, area, log }: Setting): void {
  area.clear()
  if (options.logFormat === 'json') log('error', error.message, { code: error.code })
  else printError(environment, error)
}

function exitCodeOf({ runs }: Run, ending: Ending): ExitCode {
  if (ending.isForced) return exitCodes.failed
  const errors = ending.failures
  if (errors.length > 0) {
    const isMistake = errors.length === runs.length && errors.every(({ kind }) => kind === 'config')
    return isMistake ? exitCodes.config : exitCodes.failed
  }
  return ending.signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.ok
}
