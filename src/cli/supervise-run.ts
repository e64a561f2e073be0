import type { PipelineError } from '../core/errors.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import type { Run } from '../runtime/start-run.ts'
import type { CliEnvironment } from './cli-environment.ts'
import type { WriteLog } from './create-logger.ts'
import { Progress } from './progress.ts'
import type { StatusArea } from './status-area.ts'

/** What is looked at of a run. */
export interface SupervisedRun extends Pick<Run, 'done' | 'report'> {
  readonly runs: readonly { readonly error: PipelineError | null }[]
}

export interface SuperviseOptions {
  readonly environment: CliEnvironment
  readonly area: StatusArea
  readonly log: WriteLog
  /** Aborts when the user wants the run to stop. */
  readonly stopping: AbortSignal
  /** Stops the run from here. */
  readonly stop: () => void
  readonly quiet: boolean
  /** How it goes is told by the process that started this one as a worker. */
  readonly isSupervised: boolean
  /** Tells why a pipeline failed. */
  readonly tell: (error: PipelineError) => void
  /** Lets go of the log once all pipelines are at rest. */
  readonly close: () => Promise<void>
}

export interface Ending {
  /** The pipelines did not stop in time and are still at work. */
  readonly isForced: boolean
  readonly failures: readonly PipelineError[]
  /** The signal that stopped the run; null when it ended by itself. */
  readonly signal: string | null
}

export const shutdownTimeoutMs = 10_000
const redrawMs = 200
const lineMs = 10_000

/** Stays with a run until it has ended: shows how it goes, tells failures as they come, and stops it in time. */
export async function superviseRun(run: SupervisedRun, options: SuperviseOptions): Promise<Ending> {
  const { environment, area, stopping } = options
  const { clock } = environment
  const ended = new AbortController()
  const watcher = new RunWatcher(run, options)
  const watching = watcher.watch(ended.signal)
  const finished = run.done.then(options.close).then(() => 'finished' as const)
  const deadline = untilAborted(stopping)
    .then(
      () =>
        ended.signal.aborted ||
        options.isSupervised ||
        options.log('info', 'stopping: finishing what was begun; once more stops at once'),
    )
    .then(() => clock.sleep(shutdownTimeoutMs, ended.signal))
    .then(() => 'late' as const)
  const first = await Promise.race([finished, deadline])
  ended.abort()
  await watching
  area.clear()
  watcher.tellFailures()
  if (first === 'late') {
    options.log(
      'error',
      `the pipelines did not stop within ${shutdownTimeoutMs / 1_000} s and are cut off; what they had not ` +
        'committed is done again by the next run',
    )
  }
  const signal = stopping.aborted ? String(stopping.reason) : null
  return { isForced: first === 'late', failures: watcher.failures, signal }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

class RunWatcher {
  readonly failures: PipelineError[] = []
  readonly #run: SupervisedRun
  readonly #options: SuperviseOptions
  readonly #progress = new Progress()

  constructor(run: SupervisedRun, options: SuperviseOptions) {
    this.#run = run
    this.#options = options
  }

  async watch(ended: AbortSignal): Promise<void> {
    const { environment, quiet, isSupervised } = this.#options
    const { clock } = environment
    let nextLineUs = clock.monotonicUs() + lineMs * 1_000
    while (!ended.aborted) {
      await clock.sleep(redrawMs, ended)
      this.tellFailures()
      this.#stopIfHopeless()
      if (quiet || isSupervised || ended.aborted) continue
      const isDue = clock.monotonicUs() >= nextLineUs
      if (!this.#options.area.hasBlock && !isDue) continue
      // How far it is may have to be asked of a log that does not answer.
      await unlessAborted(this.#show(ended), ended)
      if (isDue) nextLineUs = clock.monotonicUs() + lineMs * 1_000
    }
  }

  /** Each once; not what came of a reader of stdout that went away. */
  tellFailures(): void {
    const { environment, tell } = this.#options
    for (const { error } of this.#run.runs) {
      if (error === null || this.failures.includes(error)) continue
      const isBrokenPipe =
        error.code === 'FILE_FAILED' && environment.interrupts.stdoutClosed.aborted
      if (isBrokenPipe) continue
      this.failures.push(error)
      tell(error)
    }
  }

  /** Nothing goes on without the log; and with all pipelines failed there is nothing left to wait for. */
  #stopIfHopeless(): void {
    const count = this.failures.length
    const isLogLost = this.failures.some(({ code }) => code === 'LOG_IO')
    if (isLogLost || (count > 0 && count === this.#run.runs.length)) this.#options.stop()
  }

  async #show(ended: AbortSignal): Promise<void> {
    const { area, log } = this.#options
    const report = await this.#run.report()
    if (ended.aborted) return
    this.#progress.add(report)
    if (area.hasBlock) area.show(this.#progress.block(report))
    else for (const line of this.#progress.lines(report)) log('info', line)
  }
}
