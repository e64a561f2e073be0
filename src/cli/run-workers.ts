import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { PipelineError } from '../core/errors.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import { prepareLog } from '../runtime/start-run.ts'
import { exitCodes, stoppedCode, type ExitCode } from './cli-environment.ts'
import { fitStoredTopics } from './fit-stored-topics.ts'
import type { PipelineFile } from './load-topologies.ts'
import { assertTopicsExist } from './outside-topics.ts'
import { resetPipelines } from './reset-pipelines.ts'
import { maxThreads, printReport, type RunOptions, type Setting } from './run-setting.ts'
import { RunTelemetry } from './run-telemetry.ts'
import { soonAfter } from './soon-after.ts'
import { superviseRun } from './supervise-run.ts'
import { WorkerPool } from './worker-pool.ts'

/** `run --workers N`: N processes that each run a part of the tasks, as one command. */
export async function runWorkers(
  files: readonly PipelineFile[],
  count: number,
  setting: Setting,
): Promise<ExitCode> {
  refuseStdin(files, count)
  const telemetry = new RunTelemetry(setting)
  try {
    await telemetry.open()
    return await runPool(files, { count, setting, telemetry })
  } finally {
    await telemetry.close()
  }
}

async function runPool(
  files: readonly PipelineFile[],
  { count, setting, telemetry }: { count: number; setting: Setting; telemetry: RunTelemetry },
): Promise<ExitCode> {
  const { environment, area, log, options } = setting
  const stopping = environment.interrupts.listen()
  const over = new AbortController()
  const giveUp = soonAfter(stopping, { environment, over: over.signal })
  const prepared = await unlessAborted(
    prepare(files, setting).then(() => true),
    giveUp,
  )
  over.abort()
  if (prepared === null) return stoppedCode(stopping.reason)
  const stop = new AbortController()
  const stopAll = () => stop.abort('SIGTERM')
  for (const signal of setting.endOfStdout) signal.addEventListener('abort', stopAll)
  const paths = files.map(({ absolute }) => absolute)
  const pool = new WorkerPool({
    count,
    clock: environment.clock,
    log,
    stopping: AbortSignal.any([stopping, stop.signal]),
    start: (worker, onMessage) =>
      environment.startWorker({
        worker,
        args: workerArguments(paths, options, { worker, count }),
        onMessage,
        onLine: (line) => area.line(options.logFormat === 'json' ? line : `[${worker}] ${line}`),
      }),
  })
  telemetry.watch(pool)
  const ending = await superviseRun(pool, {
    environment,
    area,
    log,
    stopping,
    stop: stopAll,
    quiet: options.quiet === true,
    isSupervised: false,
    tell: () => {},
    close: async () => {},
  })
  if (ending.isForced) pool.kill('SIGKILL')
  else await printReport(await pool.report(), setting)
  return ending.isForced ? exitCodes.failed : pool.exitCode
}

/** What is wrong with the log or the files is said once, before there are workers. */
async function prepare(files: readonly PipelineFile[], setting: Setting): Promise<void> {
  const { options, environment, choice } = setting
  const notice = (message: string) => setting.log('warn', message)
  const log = await environment.openLog(choice, { readOnly: false, notice })
  try {
    const topologies = files.map(({ topology }) => topology)
    if (options.fresh === true) await resetPipelines(topologies, log, notice)
    const fitted = await fitStoredTopics(files, log, { environment, options })
    const creates = options.createTopics
    await assertTopicsExist(fitted.topologies, log, { choice, files, creates })
    await prepareLog(fitted.topologies, { log })
  } finally {
    await log.close()
  }
}

function refuseStdin(files: readonly PipelineFile[], count: number): void {
  const nodes = files.flatMap(({ topology }) => topology.nodes)
  const reader = nodes.find(
    ({ input }) => input.kind === 'source' && input.definition.type === 'stdin',
  )
  if (reader === undefined) return
  throw new PipelineError(
    'CONFIG_USAGE',
    `--workers ${count}: the stage "${reader.stage}" reads stdin, which belongs to one process; leave out ` +
      '--workers, or let that stage be a pipeline of its own',
  )
}

/** The command line of one worker: all that this one was told but what is done for all of them. */
function workerArguments(
  paths: readonly string[],
  options: RunOptions,
  { worker, count }: { readonly worker: number; readonly count: number },
): string[] {
  const { dataDir, log, follow, quiet, createTopics, logLevel, logFormat, only = [] } = options
  const perWorker = Math.floor(availableParallelism() / count) - 1
  const threads = options.threads ?? Math.max(0, Math.min(perWorker, maxThreads))
  return [
    'run',
    ...paths,
    '--data-dir',
    join(dataDir, `worker-${worker}`),
    ...(log === undefined ? [] : ['--log', log]),
    ...only.flatMap((stage) => ['--only', stage]),
    ...(follow === true ? ['--follow'] : []),
    ...(quiet === true ? ['--quiet'] : []),
    ...(createTopics ? [] : ['--no-create-topics']),
    '--threads',
    String(threads),
    '--log-level',
    logLevel,
    '--log-format',
    logFormat,
  ]
}
