import type { Clock } from '../core/clock.ts'
import { asPipelineError, type PipelineError } from '../core/errors.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import type { WorkGroup, WorkPlace } from '../core/work-group.ts'
import { taskId, type Topology } from '../topology/topology.ts'
import type { NodeTasks } from './node-tasks.ts'
import type { ProgressBoard } from './progress-board.ts'

export interface SharedWorkOptions {
  readonly topology: Topology
  readonly group: WorkGroup
  readonly nodes: readonly NodeTasks[]
  readonly board: ProgressBoard
  readonly clock: Clock
  /** Tasks that have ended wait for more input. */
  readonly follow: boolean
  /** A stage has got its first tasks here, so many, or has lost the last one. */
  readonly staffed: (stage: string, count: number) => void
  /** So many of all tasks are this worker's now; told when that changes, until it leaves. */
  readonly shared: (count: number, all: number) => void
  readonly failed: (error: PipelineError) => void
}

interface Place {
  readonly tasks: NodeTasks
  readonly index: number
}

/** Two that take one task from each other, each for good reason, shall not do so all the time. */
const regainMs = 500

/** Runs those tasks of a pipeline that its group gives to this worker. */
export class SharedWork {
  readonly #options: SharedWorkOptions
  readonly #places: ReadonlyMap<string, Place>
  readonly #place: WorkPlace
  readonly #leave = new AbortController()
  /** Tasks that are this worker's, also those that have ended. */
  readonly #mine = new Set<string>()
  /** Ends that others have announced. */
  readonly #heard = new Set<string>()
  readonly #announcing = new Set<Promise<void>>()
  #signal = new AbortController().signal

  constructor(options: SharedWorkOptions) {
    const { topology, group, nodes } = options
    this.#options = options
    this.#places = new Map(
      nodes.flatMap((tasks) =>
        Array.from(
          { length: tasks.node.tasks },
          (_, index) => [taskId(topology, tasks.node, index), { tasks, index }] as const,
        ),
      ),
    )
    const request = {
      pipeline: `${topology.prefix}${topology.pipeline}`,
      fingerprint: topology.fingerprint,
      tasks: [...this.#places.keys()],
    }
    this.#place = group.join(request, {
      assigned: (ids) => this.#assigned(ids),
      revoked: (ids) => this.#revoked(ids),
      ended: (id) => this.#hear(id),
      quiet: (id, sinceUs) => this.#hearQuiet(id, sinceUs),
      renewed: () => this.#forget(),
    })
  }

  /**
   * Until all tasks of the pipeline have ended, wherever they run, or the signal aborts.
   * @throws PipelineError what keeps this worker from taking part.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { board } = this.#options
    this.#signal = AbortSignal.any([signal, this.#leave.signal])
    const unlisten = board.listen({
      ended: (id) => this.#tellEnd(id),
      quiet: (id, sinceUs) => this.#tellQuiet(id, sinceUs),
    })
    try {
      await this.#place.run(this.#signal)
      await unlessAborted(Promise.all(this.#announcing), signal)
    } finally {
      unlisten()
    }
  }

  /**
   * What to do about a task that has failed: one that others have taken over has only stopped, and one
   * that met a new limit for records is begun again, since it knows the limit then.
   */
  async taskFailed(id: string, error: PipelineError): Promise<void> {
    const mayGoOn = error.code === 'LOG_FENCED' || error.code === 'RECORD_TOO_LARGE'
    if (!mayGoOn) return this.#options.failed(error)
    try {
      if (!this.#canRun(id) || !(await this.#place.confirm(id))) return
      await this.#options.clock.sleep(regainMs, this.#signal)
      const { tasks, index } = this.#places.get(id)!
      // It may have been revoked meanwhile, and even be back.
      if (this.#canRun(id) && !tasks.has(index)) this.#begin(id)
    } catch (thrown) {
      this.#options.failed(asPipelineError(thrown))
    }
  }

  #assigned(ids: readonly string[]): void {
    const { staffed } = this.#options
    const before = this.#staff()
    for (const id of ids) {
      this.#mine.add(id)
      this.#begin(id)
    }
    for (const [stage, count] of this.#staff()) if (!before.has(stage)) staffed(stage, count)
    this.#tellShare()
  }

  async #revoked(ids: readonly string[]): Promise<void> {
    const { staffed } = this.#options
    const before = this.#staff()
    for (const id of ids) this.#mine.delete(id)
    await Promise.all(
      ids.map((id) => {
        const { tasks, index } = this.#places.get(id)!
        return tasks.end(index)
      }),
    )
    const now = this.#staff()
    for (const stage of before.keys()) if (!now.has(stage)) staffed(stage, 0)
    this.#tellShare()
  }

  #tellShare(): void {
    if (!this.#signal.aborted) this.#options.shared(this.#mine.size, this.#places.size)
  }

  #begin(id: string): void {
    const { board, follow } = this.#options
    // Who had it before has worked off its input to the end.
    if (!follow && board.hasEnded(id)) return
    const { tasks, index } = this.#places.get(id)!
    void tasks.begin(index, this.#signal)
    // It has whatever came since its last owner fell quiet, or was lost.
    board.setBusy(id)
  }

  #canRun(id: string): boolean {
    return this.#mine.has(id) && !this.#signal.aborted
  }

  /** How many tasks of each stage are this worker's; those that have none are left out. */
  #staff(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const id of this.#mine) {
      const { stage } = this.#places.get(id)!.tasks.node
      counts.set(stage, (counts.get(stage) ?? 0) + 1)
    }
    return counts
  }

  #hear(id: string): void {
    this.#heard.add(id)
    this.#options.board.end(id)
  }

  #hearQuiet(id: string, sinceUs: number | null): void {
    const { board } = this.#options
    if (!this.#places.has(id) || this.#mine.has(id)) return
    board.setBusy(id)
    if (sinceUs !== null) board.setQuiet(id, sinceUs)
  }

  #forget(): void {
    this.#heard.clear()
    for (const id of this.#places.keys()) {
      this.#options.board.reopen(id)
      this.#options.board.setBusy(id)
    }
  }

  #tellEnd(id: string): void {
    if (!this.#places.has(id)) return
    if (!this.#heard.has(id)) this.#announceEnd(id)
    const { board, follow } = this.#options
    if (!follow && [...this.#places.keys()].every((each) => board.hasEnded(each)))
      void Promise.all(this.#announcing).then(() => this.#leave.abort())
  }

  #announceEnd(id: string): void {
    const announced = this.#place
      .announceEnd(id)
      .catch((thrown: unknown) => this.#options.failed(asPipelineError(thrown)))
      .finally(() => this.#announcing.delete(announced))
    this.#announcing.add(announced)
  }

  #tellQuiet(id: string, sinceUs: number | null): void {
    if (this.#mine.has(id)) this.#place.announceQuiet(id, sinceUs)
  }
}
