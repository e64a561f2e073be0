import { parseManifest, incompatibilities, manifestOf } from '../topology/manifest.ts'
import { mergedReports, type RunPart } from '../runtime/run-part.ts'
import { messageOf } from '../core/errors.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import { formatDiagnostic, type Diagnostic } from '../spec/diagnostic.ts'
import { chooseLog, type LogOptions } from './choose-log.ts'
import { exitCodes, stoppedCode, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { isError, loadTopologies, type PipelineFile } from './load-topologies.ts'
import { lookIntoLog } from './open-log.ts'
import { Progress } from './progress.ts'
import { StatusArea } from './status-area.ts'
import { filesOf, WatchedFiles } from './watched-files.ts'
import type { WorkerEnd, WorkerProcess } from './worker-process.ts'

export interface DevOptions extends LogOptions {
  readonly fresh?: boolean
  readonly yes?: boolean
  readonly logLevel: string
}

/** How often files are looked at. A change counts once nothing has changed for another look. */
const lookMs = 200
/** Of a run that does not stop by itself. */
const killAfterMs = 12_000
const clearScreen = '\u001b[2J\u001b[3J\u001b[H'

/** `millrace dev`: runs pipelines, and runs them anew whenever their files are saved. */
export async function dev(
  paths: readonly string[],
  options: DevOptions,
  environment: CliEnvironment,
): Promise<ExitCode> {
  const stopping = environment.interrupts.listen()
  const session = new DevSession(paths, options, environment)
  await session.work(stopping)
  return stopping.aborted ? stoppedCode(stopping.reason) : exitCodes.ok
}

class DevSession {
  readonly #paths: readonly string[]
  readonly #options: DevOptions
  readonly #environment: CliEnvironment
  readonly #area: StatusArea
  readonly #watched: WatchedFiles
  #process: WorkerProcess | null = null
  #part: RunPart | null = null
  #progress = new Progress()
  #startedUs = 0
  #starts = 0
  /** What is wrong with the files as they are now; the run goes on with what they were. */
  #problems: readonly string[] = []
  #state = 'starting'

  constructor(paths: readonly string[], options: DevOptions, environment: CliEnvironment) {
    this.#paths = paths
    this.#options = options
    this.#environment = environment
    this.#area = new StatusArea(environment, { block: environment.screen.isTerminal })
    this.#watched = new WatchedFiles(paths, environment.cwd)
  }

  async work(stopping: AbortSignal): Promise<void> {
    const { clock } = this.#environment
    await this.#reload()
    while (!stopping.aborted) {
      await clock.sleep(lookMs, stopping)
      if (stopping.aborted) break
      if (this.#watched.hasChanged()) {
        await this.#untilSettled(stopping)
        if (!stopping.aborted) await this.#reload()
      }
      this.#show()
    }
    await this.#stop()
    this.#area.clear()
  }

  /** Editors write in several steps, and people save several files. */
  async #untilSettled(stopping: AbortSignal): Promise<void> {
    do await this.#environment.clock.sleep(lookMs, stopping)
    while (!stopping.aborted && this.#watched.hasChanged())
  }

  async #reload(): Promise<void> {
    const environment = this.#environment
    const problems = await this.#examine()
    if (problems.length > 0) {
      this.#problems = problems
      const goesOn = this.#process === null ? 'nothing runs' : 'what ran before goes on'
      for (const problem of problems) this.#area.line(problem)
      this.#area.line(`not ${this.#starts === 0 ? 'started' : 'reloaded'}: ${goesOn}; save again`)
      return
    }
    this.#problems = []
    if (this.#process !== null) {
      this.#state = 'stopping'
      this.#show()
      await this.#stop()
    }
    if (environment.screen.isTerminal) {
      this.#area.clear()
      environment.stderr.write(clearScreen)
    }
    this.#start()
  }

  /** What is wrong with the files, with their topics and state too; nothing has been touched. */
  async #examine(): Promise<readonly string[]> {
    const environment = this.#environment
    try {
      const { files, diagnostics } = loadTopologies(this.#paths, environment, {
        log: this.#options.log,
      })
      this.#watched.add(files.flatMap(filesOf))
      const errors = diagnostics.filter(isError)
      if (errors.length > 0) return errors.map(textOf)
      const reader = files
        .flatMap(({ topology }) => topology.nodes)
        .find(({ input }) => input.kind === 'source' && input.definition.type === 'stdin')
      if (reader !== undefined)
        return [
          `the stage "${reader.stage}" reads stdin, which cannot be read anew: use \`millrace run\``,
        ]
      const isForgotten = this.#options.fresh === true && this.#starts === 0
      return isForgotten ? [] : await this.#incompatible(files)
    } catch (thrown) {
      return [environment.mask.text(messageOf(thrown))]
    }
  }

  async #incompatible(files: readonly PipelineFile[]): Promise<readonly string[]> {
    const environment = this.#environment
    const choice = chooseLog(this.#options, files, environment)
    // Before the first start there may be no log.
    if (this.#starts === 0) return []
    return lookIntoLog(choice, environment, async ({ admin }) => {
      const problems: string[] = []
      for (const { topology } of files) {
        const stored = await admin.loadManifest(`${topology.prefix}${topology.pipeline}`)
        if (stored === null) continue
        problems.push(...incompatibilities(parseManifest(stored), manifestOf(topology)))
      }
      return problems.map(
        (problem) => `${problem}. Undo the change, or start \`millrace dev --fresh\``,
      )
    })
  }

  #start(): void {
    const { clock, startWorker } = this.#environment
    const { dataDir, log, fresh, yes, logLevel } = this.#options
    const isForgetting = fresh === true && this.#starts === 0
    this.#starts += 1
    this.#part = null
    this.#progress = new Progress()
    this.#startedUs = clock.monotonicUs()
    this.#state = 'running'
    const started = startWorker({
      worker: 1,
      args: [
        'run',
        ...this.#paths,
        '--follow',
        '--data-dir',
        dataDir,
        '--log-level',
        logLevel,
        ...(log === undefined ? [] : ['--log', log]),
        ...(isForgetting ? ['--fresh'] : []),
        ...(isForgetting && yes === true ? ['--yes'] : []),
      ],
      onMessage: ({ part }) => (this.#part = part),
      onLine: (line) => this.#area.line(line),
    })
    this.#process = started
    if (this.#starts > 1) this.#area.line(`reloaded: ${this.#paths.join(', ')}`)
    else
      this.#area.line(
        `running ${this.#paths.join(', ')}; it is run anew whenever its files are saved`,
      )
    void started.ended.then((end) => this.#ended(started, end))
  }

  #ended(process: WorkerProcess, { code, signal }: WorkerEnd): void {
    if (this.#process !== process) return
    this.#process = null
    this.#state = `ended (${signal ?? `exit code ${code}`}); it starts again when a file is saved`
    this.#area.line(`the run has ${this.#state}`)
    this.#show()
  }

  /** As a run stops that gets SIGTERM: it finishes and commits what it has begun. */
  async #stop(): Promise<void> {
    const process = this.#process
    if (process === null) return
    this.#process = null
    process.kill('SIGTERM')
    const late = new AbortController()
    const { clock } = this.#environment
    const over = new AbortController()
    void clock.sleep(killAfterMs, over.signal).then(() => {
      if (!over.signal.aborted) late.abort()
    })
    const end = await unlessAborted(process.ended, late.signal)
    over.abort()
    if (end !== null) return
    process.kill('SIGKILL')
    await process.ended
  }

  #show(): void {
    if (!this.#area.hasBlock) return
    const wrong = this.#problems.map((problem) => `  ${problem}`)
    const head = wrong.length === 0 ? this.#state : `${this.#state}; not reloaded, because of this:`
    this.#area.show([
      `millrace dev  ${this.#paths.join(', ')}  ${head}`,
      ...wrong,
      ...this.#table(),
    ])
  }

  #table(): readonly string[] {
    if (this.#part === null || this.#process === null) return []
    const durationMs = (this.#environment.clock.monotonicUs() - this.#startedUs) / 1_000
    const report = { durationMs, pipelines: mergedReports([this.#part], { durationMs }) }
    this.#progress.add(report)
    return this.#progress.block(report)
  }
}

function textOf(diagnostic: Diagnostic): string {
  return diagnostic.line === 0
    ? `${diagnostic.message} (${diagnostic.code})`
    : formatDiagnostic(diagnostic)
}
