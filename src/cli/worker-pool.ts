import type { Clock } from '../core/clock.ts'
import { mergedReports, type RunPart } from '../runtime/run-part.ts'
import type { RunReport, WorkerReport } from '../runtime/run-report.ts'
import type { Readiness } from '../telemetry/metrics/metrics-server.ts'
import { exitCodes, stoppedCode, type ExitCode } from './cli-environment.ts'
import type { WriteLog } from './create-logger.ts'
import type { MeasuredRun, ProcessPart } from './measured-run.ts'
import { showDuration } from './show-amount.ts'
import type { WorkerEnd, WorkerMessage, WorkerProcess } from './worker-process.ts'

export interface WorkerPoolOptions {
  readonly count: number
  readonly start: (worker: number, onMessage: (message: WorkerMessage) => void) => WorkerProcess
  readonly clock: Clock
  readonly log: WriteLog
  /** Aborts when the workers shall stop; its reason is the name of the signal for them. */
  readonly stopping: AbortSignal
}

const firstPauseMs = 1_000
const maxPauseMs = 30_000
/** A worker that has run for so long is not one that dies as soon as it starts. */
const settledMs = 60_000

/** Worker processes of one run: starts again those that die, and adds up what all have done. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #slots: readonly Slot[]
  readonly #over = new AbortController()
  readonly #startedUs: number
  readonly done: Promise<void>
  /** The pipelines run in the workers, which tell their failures themselves. */
  readonly runs = []

  constructor(options: WorkerPoolOptions) {
    this.#options = options
    this.#startedUs = options.clock.monotonicUs()
    this.#slots = Array.from({ length: options.count }, (_, index) => newSlot(index + 1))
    const pass = () => this.kill(options.stopping.reason as NodeJS.Signals)
    options.stopping.addEventListener('abort', pass)
    this.done = Promise.all(this.#slots.map((slot) => this.#keep(slot))).then(() => {
      options.stopping.removeEventListener('abort', pass)
    })
  }

  kill(signal: NodeJS.Signals): void {
    for (const { process } of this.#slots) process?.kill(signal)
  }

  async report(): Promise<RunReport> {
    const { clock, count } = this.#options
    const durationMs = (clock.monotonicUs() - this.#startedUs) / 1_000
    const parts = await this.parts()
    return {
      durationMs,
      pipelines: mergedReports(parts, { durationMs, processes: count }),
      workers: this.#slots.map(({ worker, starts, state }) => ({ worker, starts, state })),
    }
  }

  /** As of what the workers have told last. */
  async parts(): Promise<readonly RunPart[]> {
    return this.#slots.flatMap(({ part, lost }) => [part, ...lost])
  }

  workers(): ReturnType<MeasuredRun['workers']> {
    return this.#slots.map(({ worker, starts, own }) => ({ worker, starts, own }))
  }

  /** Ready is a run whose workers all are at work. */
  readiness(): Readiness {
    if (this.#options.stopping.aborted) return { isReady: false, says: 'stopping' }
    const idle = this.#slots.find(({ state, part }) => state !== 'running' || part.length === 0)
    if (idle === undefined) return { isReady: true, says: 'ready' }
    return { isReady: false, says: `worker ${idle.worker} is not at work` }
  }

  /** Of all workers together, once they have ended. */
  get exitCode(): ExitCode {
    const codes = this.#slots.map(({ code }) => code)
    const bad = codes.filter((code) => code !== exitCodes.ok && code !== exitCodes.interrupted)
    if (bad.length > 0) {
      const isMistake =
        bad.length === codes.length && bad.every((code) => code === exitCodes.config)
      return isMistake ? exitCodes.config : exitCodes.failed
    }
    return codes.includes(exitCodes.interrupted) ? exitCodes.interrupted : exitCodes.ok
  }

  /** Until the worker has ended in a way that it was meant to, or nothing is left to do for it. */
  async #keep(slot: Slot): Promise<void> {
    const { clock, stopping, log } = this.#options
    const over = AbortSignal.any([stopping, this.#over.signal])
    if (over.aborted) this.#noteStopped(slot)
    let pauseMs = firstPauseMs
    while (!over.aborted) {
      const startedUs = clock.monotonicUs()
      const end = await this.#runOnce(slot)
      if (slot.state !== 'lost') return this.#noteEnd(slot)
      const isToStop = stopping.aborted
      if (clock.monotonicUs() - startedUs >= 1_000 * settledMs) pauseMs = firstPauseMs
      if (!over.aborted) {
        const when = showDuration(pauseMs)
        log('warn', `worker ${slot.worker} ${howEnded(end)}; it is started again in ${when}`)
        await clock.sleep(pauseMs, over)
        pauseMs = Math.min(maxPauseMs, 2 * pauseMs)
      }
      // The others have taken over what it had begun; only a worker that was to stop has failed.
      slot.code = isToStop ? exitCodes.failed : exitCodes.ok
    }
  }

  #noteStopped(slot: Slot): void {
    slot.state = 'ended'
    slot.code = stoppedCode(this.#options.stopping.reason)
  }

  #noteEnd({ worker, part }: Slot): void {
    const { stopping, log } = this.#options
    const isStopped = part.some(({ outcome }) => outcome === 'stopped')
    if (isStopped && !stopping.aborted)
      log('info', `worker ${worker} was stopped; the others take over`)
  }

  async #runOnce(slot: Slot): Promise<WorkerEnd> {
    const { start, stopping, log } = this.#options
    slot.starts += 1
    slot.state = 'running'
    const messages = { isOver: false }
    slot.process = start(slot.worker, ({ kind, part, own = null }) => {
      slot.part = part
      slot.own = own
      messages.isOver = kind === 'over'
    })
    log('debug', `worker ${slot.worker} is process ${slot.process.pid ?? 'none'}`)
    // It may have begun after the signal was passed on.
    if (stopping.aborted) this.kill(stopping.reason as NodeJS.Signals)
    const end = await slot.process.ended
    slot.process = null
    slot.code = end.code
    slot.state = stateOf(end, { saidOver: messages.isOver, isFirst: slot.starts === 1 })
    // It was told to stop before it knew how to: it had not begun anything.
    if (slot.state === 'lost' && stopping.aborted && end.signal === stopping.reason)
      this.#noteStopped(slot)
    slot.own = null
    if (slot.state === 'lost') {
      slot.lost.push(asLost(slot.part))
      slot.part = []
    } else if (isComplete(slot.part)) this.#over.abort()
    return end
  }
}

interface Slot {
  readonly worker: number
  starts: number
  state: WorkerReport['state']
  process: WorkerProcess | null
  code: number | null
  /** Of the process that runs, or has ended as it should. */
  part: RunPart
  own: ProcessPart | null
  /** Of those before it, which died: as far as they have told. */
  readonly lost: RunPart[]
}

function newSlot(worker: number): Slot {
  return {
    worker,
    starts: 0,
    state: 'running',
    process: null,
    code: null,
    part: [],
    own: null,
    lost: [],
  }
}

/**
 * What a worker says last tells a death from an end that is to be. One that ends before by the code of a
 * mistake has one, unless it could start before: then the brokers are away, most probably.
 */
function stateOf(
  { code }: WorkerEnd,
  { saidOver, isFirst }: { readonly saidOver: boolean; readonly isFirst: boolean },
): WorkerReport['state'] {
  if (saidOver) return code === exitCodes.ok || code === exitCodes.interrupted ? 'ended' : 'failed'
  return code === exitCodes.config && isFirst ? 'failed' : 'lost'
}

/** All tasks have ended then, whoever ran them. */
function isComplete(part: RunPart): boolean {
  return part.length > 0 && part.every(({ outcome }) => outcome === 'completed')
}

const nothingWaits = { lag: 0, backlog: [], inflight: 0, kept: [] }

/** What was done stays done; how it stood says nothing any more. */
function asLost(part: RunPart): RunPart {
  return part.map((pipeline) => ({
    ...pipeline,
    outcome: 'stopped',
    error: null,
    nodes: pipeline.nodes.map((node) => ({ ...node, phase: 'elsewhere', ...nothingWaits })),
  }))
}

function howEnded({ code, signal }: WorkerEnd): string {
  if (signal !== null) return `was ended by ${signal}`
  return code === null ? 'could not be started' : `ended with exit code ${code}`
}
