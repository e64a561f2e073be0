import { availableParallelism } from 'node:os'
import { relative } from 'node:path'
import { instantOf } from '../clock/system-clock.ts'
import type { EndpointEnvironment, KafkaEndpoints } from '../core/endpoints.ts'
import { PipelineError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import type { RunEnvironment } from '../runtime/pipeline-run.ts'
import { startRun, type Run } from '../runtime/start-run.ts'
import type { SinkOutput } from '../topology/topology.ts'
import { assertWorkers, chooseLog, shownLog } from './choose-log.ts'
import { exitCodes, stoppedCode, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { createLogger, type WriteLog } from './create-logger.ts'
import { fitStoredTopics, type FittedTopologies } from './fit-stored-topics.ts'
import { isError, loadTopologies, type PipelineFile } from './load-topologies.ts'
import { limitHeapGrowth } from './limit-heap-growth.ts'
import { assertTopicsExist } from './outside-topics.ts'
import type { LogChoice } from './log-choice.ts'
import { printDiagnostics } from './print-diagnostics.ts'
import { printError } from './print-error.ts'
import { resetPipelines } from './reset-pipelines.ts'
import { maxThreads, printReport, type RunOptions, type Setting } from './run-setting.ts'
import { runWorkers } from './run-workers.ts'
import { StatusArea } from './status-area.ts'
import { StepThreads } from './step-threads.ts'
import { soonAfter } from './soon-after.ts'
import { superviseRun, type Ending } from './supervise-run.ts'

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
  const choice = chooseLog(options, files, environment)
  assertWorkers(options.workers, choice)
  if (options.fresh === true) assertMayForget(choice, options)
  const sinksToStdout = stagesWithStdout(files)
  if (options.json === true) refuseMixedOutput(sinksToStdout)
  const { screen } = environment
  const block =
    screen.isTerminal &&
    options.quiet !== true &&
    !(screen.sharesStdout && sinksToStdout.length > 0)
  const area = new StatusArea(environment, { block })
  const setting = {
    options,
    choice,
    environment,
    area,
    log: logger(options, environment, area),
    endOfStdout: endOfStdout(files, environment),
    writtenFiles: writtenFiles(files, environment.cwd),
  }
  const { workers = 1 } = options
  return workers > 1 ? runWorkers(files, workers, setting) : runInLog(files, setting)
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

async function runInLog(files: readonly PipelineFile[], setting: Setting): Promise<ExitCode> {
  const { options, environment, log: writeLog, area } = setting
  const stopping = environment.interrupts.listen()
  const over = new AbortController()
  const giveUp = soonAfter(stopping, { environment, over: over.signal })
  const log = await openUnlessStopped(setting, giveUp)
  if (log === null) return stoppedCode(stopping.reason)
  let closing: Promise<void> | null = null
  const close = () => (closing ??= log.close())
  const limiting = limitHeapGrowth(environment.clock, over.signal)
  const stop = new AbortController()
  let threads: StepThreads | null = null
  try {
    const signal = AbortSignal.any([stopping, stop.signal, ...setting.endOfStdout])
    const begun = await unlessAborted(begin(files, setting, { log, signal }), giveUp)
    if (begun === null) {
      await close()
      return stoppedCode(stopping.reason)
    }
    const { started } = begun
    threads = begun.threads
    const telling = tellParts(started, environment, over.signal)
    const ending = await superviseRun(started, {
      environment,
      area,
      log: writeLog,
      stopping,
      stop: () => stop.abort(),
      quiet: options.quiet === true,
      isSupervised: environment.supervisor !== null,
      close,
      tell: (error) => tellFailure(error, setting),
    })
    over.abort()
    await telling
    await environment.supervisor?.tell({ kind: 'over', part: await started.part() })
    if (environment.supervisor === null && !ending.isForced)
      await printReport(await started.report(), setting)
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

/** Everything up to where the tasks are at work. */
async function begin(
  files: readonly PipelineFile[],
  setting: Setting,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<{ readonly started: Run; readonly threads: StepThreads | null }> {
  const { options, environment } = setting
  const notice = (message: string) => setting.log('warn', message)
  const topologies = files.map(({ topology }) => topology)
  if (options.fresh === true) await resetPipelines(topologies, log, notice)
  const fitted = await fitStoredTopics(files, log, { environment, options })
  const where = { choice: setting.choice, files }
  await assertTopicsExist(fitted.topologies, log, { ...where, creates: options.createTopics })
  const threads = stepThreads(files, fitted, setting)
  const environmentOfRun = { ...runEnvironment(log, setting), executor: threads }
  return { started: await startRun(fitted.topologies, environmentOfRun, signal), threads }
}

async function openUnlessStopped(setting: Setting, giveUp: AbortSignal): Promise<Log | null> {
  const notice = (message: string) => setting.log('warn', message)
  const opening = setting.environment.openLog(setting.choice, { readOnly: false, notice })
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
    ...kafkaOf(environment, notice),
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

/** All sources and sinks of a run share it. */
function kafkaOf(
  { openKafkaEndpoints }: CliEnvironment,
  notice: (message: string) => void,
): Pick<EndpointEnvironment, 'kafka'> {
  if (openKafkaEndpoints === undefined) return {}
  let opened: Promise<KafkaEndpoints> | null = null
  return { kafka: () => (opened ??= openKafkaEndpoints({ notice })) }
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

/** Says every now and then how far this worker is, so that little of it is missed if it dies. */
async function tellParts(
  started: Run,
  { supervisor, clock }: CliEnvironment,
  over: AbortSignal,
): Promise<void> {
  if (supervisor === null) return
  while (!over.aborted) {
    const part = await unlessAborted(started.part(), over)
    if (part !== null) await supervisor.tell({ kind: 'part', part })
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
