import { asPipelineError, type PipelineError } from '../core/errors.ts'
import type { StageNode } from '../topology/topology.ts'
import type { StageMeter } from './stage-meter.ts'
import type { StageTask, TaskPhase } from './stage-task.ts'

export interface NodeTasksOptions {
  readonly node: StageNode
  readonly meter: StageMeter
  readonly make: (index: number, meter: StageMeter) => StageTask
  /**
   * Told when a task has ended with an error, before the promise of `begin` resolves; this process has
   * it no more then. Not told when one that was given up finds that others have it.
   */
  readonly failed: (error: PipelineError, index: number) => void
}

interface Running {
  readonly task: StageTask
  readonly stop: AbortController
}

/** `elsewhere`: other processes run all tasks. */
export type NodePhase = TaskPhase | 'elsewhere'

/** The tasks of one node that this process runs; a task that is begun again is a new one. */
export class NodeTasks {
  readonly node: StageNode
  readonly meter: StageMeter
  readonly #options: NodeTasksOptions
  readonly #running = new Map<number, Running>()
  /** Of each task that was ever begun, when its last run is over. */
  readonly #done = new Map<number, Promise<void>>()
  /** How tasks were that this process no longer has. */
  readonly #left = new Map<number, TaskPhase>()

  constructor(options: NodeTasksOptions) {
    this.node = options.node
    this.meter = options.meter
    this.#options = options
  }

  /** Those that this process has, also when they have ended. */
  get all(): readonly StageTask[] {
    return [...this.#running.values()].map(({ task }) => task)
  }

  /** Of the tasks that this process has ever had. */
  get everRun(): readonly number[] {
    return [...this.#done.keys()].toSorted((a, b) => a - b)
  }

  get phase(): NodePhase {
    const now = this.all.map(({ phase }) => phase)
    const phases = now.length > 0 ? now : [...this.#left.values()]
    const telling = (['blocked', 'working'] as const).find((phase) => phases.includes(phase))
    if (telling !== undefined) return telling
    return phases.find((phase) => phase !== 'ended') ?? phases[0] ?? 'elsewhere'
  }

  has(index: number): boolean {
    return this.#running.has(index)
  }

  /** Resolves when the task has ended or was stopped; never rejects. */
  begin(index: number, signal: AbortSignal): Promise<void> {
    const task = this.#options.make(index, this.meter)
    const stop = new AbortController()
    // One that takes its time to stop may still commit: never two of one task in this process.
    const before = this.#done.get(index) ?? Promise.resolve()
    const both = AbortSignal.any([signal, stop.signal])
    const done = before.then(() => this.#run(index, task, both))
    this.#running.set(index, { task, stop })
    this.#done.set(index, done)
    this.#left.delete(index)
    return done
  }

  /** Resolves when the task has committed or given up what it had begun. */
  async end(index: number): Promise<void> {
    const running = this.#running.get(index)
    running?.stop.abort()
    this.#running.delete(index)
    await this.#done.get(index)
    if (running !== undefined && !this.has(index)) this.#left.set(index, running.task.phase)
  }

  async #run(index: number, task: StageTask, signal: AbortSignal): Promise<void> {
    // Who was told to stop before it could begin must not even open the task: others have it now.
    if (signal.aborted) {
      task.phase = 'stopped'
      return
    }
    try {
      await task.run(signal)
    } catch (thrown) {
      const error = asPipelineError(thrown)
      const isGivenUp = this.#running.get(index)?.task !== task
      if (isGivenUp && error.code === 'LOG_FENCED') return
      if (!isGivenUp) this.#leave(index, task)
      this.#options.failed(error, index)
    }
  }

  #leave(index: number, { phase }: StageTask): void {
    this.#running.delete(index)
    this.#left.set(index, phase)
  }
}
