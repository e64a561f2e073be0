import { availableParallelism } from 'node:os'
import { relative, resolve } from 'node:path'
import { instantOf } from '../clock/system-clock.ts'
import { PipelineError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import type { Log } from '../core/log.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import type { RunEnvironment } from '../runtime/pipeline-run.ts'
import { startRun, type Run } from '../runtime/start-run.ts'
import type { SinkOutput, StageNode } from '../topology/topology.ts'
import { chosenStages, runningNodes } from './chosen-stages.ts'
import { assertWorkers, chooseLog, shownLog } from './choose-log.ts'
import { openControl, type ControlServer } from './control-server.ts'
import { exitCodes, stoppedCode, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { createLogger, type WriteLog } from './create-logger.ts'
import { fitStoredTopics, type FittedTopologies } from './fit-stored-topics.ts'
import { isError, loadTopologies, type PipelineFile } from './load-topologies.ts'
import { limitHeapGrowth } from './limit-heap-growth.ts'
import { assertTopicsExist } from './outside-topics.ts'
import { keepTimings } from './keep-timings.ts'
import type { LogChoice } from './log-choice.ts'
import { printDiagnostics } from './print-diagnostics.ts'
import { printError } from './print-error.ts'
import { resetPipelines } from './reset-pipelines.ts'
import { maxThreads, printReport, type RunOptions, type Setting } from './run-setting.ts'
import { RunOutside } from './run-outside.ts'
import { runWorkers } from './run-workers.ts'
import { RunTelemetry } from './run-telemetry.ts'
import { measuredRun } from './measured-run.ts'
import { operatorEnvironment } from './operator-environment.ts'
import { openTracing } from './run-tracing.ts'
import { StatusArea } from './status-area.ts'
import { StepThreads } from './step-threads.ts'
import { soonAfter } from './soon-after.ts'
import { superviseRun, type Ending } from './supervise-run.ts'
import { readTelemetrySetting } from './telemetry-setting.ts'

const tellEveryMs = 1_000

export async function run(
  paths: readonly string[],
  options: RunOptions,
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { files, diagnostics } = loadTopologies(paths, environment, { log: options.log })
  const errors = diagnostics.filter(isError)
  // Of warnings the supervisor has told.
  printDiagnostics(environment, environment.supervisor === null ? diagnostics : errors)
  if (errors.length > 0) return exitCodes.config
  const only = chosenStages(files, options)
  const choice = chooseLog(options, files, environment)
  assertWorkers(options.workers, choice)
  if (options.fresh === true) assertMayForget(choice, options)
  const running = runningNodes(files, only)
  const sinksToStdout = stagesWithStdout(running)
  if (options.json === true) refuseMixedOutput(sinksToStdout)
  const { screen } = environment
  const block =
    screen.isTerminal &&
    options.quiet !== true &&
    !(screen.sharesStdout && sinksToStdout.length > 0)
  const area = new StatusArea(environment, { block })
  const log = logger(options, environment, area)
  const setting = {
    options,
    choice,
    environment,
    area,
    log,
    telemetry: readTelemetrySetting(environment, log),
    endOfStdout: endOfStdout(running, environment),
    writtenFiles: writtenFiles(files, environment.cwd),
  }
  const { workers = 1 } = options
  return workers > 1 ? runWorkers(files, workers, setting) : runMeasured(files, setting)
}

function logger(options: RunOptions, environment: CliEnvironment, area: StatusArea): WriteLog {
  const { clock, supervisor } = environment
  const { quiet, logLevel, logFormat } = options
  const level = quiet === true && logLevel !== 'error' ? 'warn' : logLevel
  const write = (line: string) => area.line(line)
  const log = createLogger({ level, format: logFormat, clock, write })
  if (supervisor === null || logFormat === 'text') return log
  // In text the supervisor says before each line whose it is.
  const { worker } = supervisor
  return (lineLevel, message, fields) => log(lineLevel, message, { worker, ...fields })
}

async function runMeasured(files: readonly PipelineFile[], setting: Setting): Promise<ExitCode> {
  const telemetry = new RunTelemetry(setting)
  const traced = await openTracing(setting)
  if (traced !== null) telemetry.trace(traced.tracing)
  try {
    await telemetry.open()
    return await runInLog(files, setting, telemetry)
  } finally {
    await Promise.all([traced?.close(), telemetry.close()])
  }
}

async function runInLog(
  files: readonly PipelineFile[],
  setting: Setting,
  telemetry: RunTelemetry,
): Promise<ExitCode> {
  const { options, environment, log: writeLog, area } = setting
  const stopping = environment.interrupts.listen()
  const over = new AbortController()
  const giveUp = soonAfter(stopping, { environment, over: over.signal })
  const log = await openUnlessStopped(setting, giveUp)
  if (log === null) return stoppedCode(stopping.reason)
  const control = await openControlOf(setting, log)
  let closing: Promise<void> | null = null
  const close = () => (closing ??= control.close().then(() => log.close()))
  const outside = new RunOutside(log, environment, writeLog)
  const limiting = limitHeapGrowth(environment.clock, over.signal)
  const stop = new AbortController()
  let threads: StepThreads | null = null
  try {
    const signal = AbortSignal.any([stopping, stop.signal, ...setting.endOfStdout])
    const begun = await unlessAborted(
      begin(files, setting, { log, outside, signal, telemetry }),
      giveUp,
    )
    if (begun === null) {
      await close()
      return stoppedCode(stopping.reason)
    }
    const { started } = begun
    threads = begun.threads
    telemetry.watch(measuredRun(started, signal))
    const timings = keepTimings(started, log, setting)
    const telling = tellParts(started, { environment, telemetry, over: over.signal })
    const ending = await superviseRun(started, {
      environment,
      area,
      log: writeLog,
      stopping,
      stop: () => stop.abort(),
      quiet: options.quiet === true,
      isSupervised: environment.supervisor !== null,
      close: () => timings.close({ isLate: giveUp.aborted }).then(close),
      tell: (error) => tellFailure(error, setting),
    })
    over.abort()
    await telling
    const { supervisor } = environment
    if (supervisor !== null)
      await supervisor.tell({ kind: 'over', part: await started.part(), own: telemetry.own() })
    else if (!ending.isForced) await printReport(await started.report(), setting)
    return exitCodeOf(started, ending)
  } catch (thrown) {
    await close()
    throw thrown
  } finally {
    over.abort()
    await threads?.close()
    await outside.close()
    await limiting
  }
}

/** Everything up to where the tasks are at work. */
async function begin(
  files: readonly PipelineFile[],
  setting: Setting,
  {
    log,
    outside,
    signal,
    telemetry,
  }: {
    readonly log: Log
    readonly outside: RunOutside
    readonly signal: AbortSignal
    readonly telemetry: RunTelemetry
  },
): Promise<{ readonly started: Run; readonly threads: StepThreads | null }> {
  const { options, environment } = setting
  const notice = (message: string) => setting.log('warn', message)
  const topologies = files.map(({ topology }) => topology)
  if (options.fresh === true) await resetPipelines(topologies, log, notice)
  const fitted = await fitStoredTopics(files, log, { environment, options })
  const where = { choice: setting.choice, files }
  await assertTopicsExist(fitted.topologies, log, { ...where, creates: options.createTopics })
  const threads = stepThreads(files, fitted, setting)
  const environmentOfRun = runEnvironment(log, outside, setting)
  const measured = telemetry.withExemplars(environmentOfRun.telemetry)
  const started = await startRun(
    fitted.topologies,
    { ...environmentOfRun, telemetry: measured, executor: threads },
    signal,
  )
  return { started, threads }
}

/** The embedded log has one writer: commands that write ask it to. */
async function openControlOf(
  { choice, environment, log: writeLog }: Setting,
  log: Log,
): Promise<ControlServer> {
  if (choice.kind !== 'embedded') return { close: async () => {} }
  const directory = resolve(environment.cwd, choice.dataDir)
  return openControl(directory, log, (message) => writeLog('warn', message))
}

async function openUnlessStopped(setting: Setting, giveUp: AbortSignal): Promise<Log | null> {
  const notice = (message: string) => setting.log('warn', message)
  const opening = setting.environment.openLog(setting.choice, {
    readOnly: false,
    notice,
  })
  const log = await unlessAborted(opening, giveUp)
  if (log === null) opening.then((late) => late.close()).catch(() => {})
  return log
}

/** Topics of a cluster may be others' too. */
function assertMayForget(choice: LogChoice, { yes }: RunOptions): void {
  if (choice.kind === 'embedded' || yes === true) return
  throw new PipelineError(
    'CONFIG_USAGE',
    `--fresh deletes the topics of these pipelines on ${shownLog(choice)} with all their records; add --yes if that is meant`,
  )
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
    log: options.log,
    stored,
    texts: files.map(({ text }) => text),
    instant: instantOf(clock),
  }
  return new StepThreads({ count, data, log })
}

function runEnvironment(
  log: Log,
  outside: RunOutside,
  { environment, options, log: writeLog }: Setting,
): Omit<RunEnvironment, 'executor'> {
  const { clock, random, telemetry } = environment
  const mask = environment.mask.text
  const notice = (message: string, facts?: JsonObject) => writeLog('warn', message, facts)
  return {
    log,
    clock,
    random,
    endpoints: outside.endpoints,
    telemetry,
    mask,
    listeners: outside.listeners,
    operators: operatorEnvironment(environment, writeLog, outside.forSteps),
    notice,
    follow: options.follow === true,
    outsideEnds: null,
    only: options.only === undefined ? null : new Set(options.only),
  }
}

function stagesWithStdout(nodes: readonly StageNode[]): string[] {
  return nodes
    .filter(({ output }) => output?.kind === 'sink' && output.definition.type === 'stdout')
    .map(({ stage }) => stage)
}

/** Once nobody reads stdout a run is of no use that writes nowhere else. */
function endOfStdout(nodes: readonly StageNode[], { interrupts }: CliEnvironment): AbortSignal[] {
  const sinks = nodes.filter(({ output }) => output?.kind === 'sink')
  return sinks.length > 0 && sinks.length === stagesWithStdout(nodes).length
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

/** Says every now and then how far this worker is, so that little of it is missed if it dies. */
async function tellParts(
  started: Run,
  of: { environment: CliEnvironment; telemetry: RunTelemetry; over: AbortSignal },
): Promise<void> {
  const { telemetry, over } = of
  const { supervisor, clock } = of.environment
  if (supervisor === null) return
  while (!over.aborted) {
    const part = await unlessAborted(started.part(), over)
    if (part !== null) await supervisor.tell({ kind: 'part', part, own: telemetry.own() })
    await clock.sleep(tellEveryMs, over)
  }
}

function writtenFiles(
  files: readonly PipelineFile[],
  cwd: string,
): ReadonlyMap<string, readonly string[]> {
  return new Map(
    files.flatMap(({ topology: { pipeline, nodes } }) =>
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
  return stoppedCode(ending.signal)
}
