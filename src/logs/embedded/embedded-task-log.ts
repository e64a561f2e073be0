import { invariant } from '../../core/errors.ts'
import type { PullRequest, SliceBatch, StateChange, TaskCommit, TaskLog } from '../../core/log.ts'
import { TaskInputs, type TaskInputsOptions } from '../task-inputs.ts'

export interface EmbeddedTaskLogOptions extends TaskInputsOptions {
  readonly id: string
  readonly readState: () => StateChange[]
  readonly commit: (result: TaskCommit) => Promise<number>
  readonly closed: () => void
}

export class EmbeddedTaskLog implements TaskLog {
  readonly #options: EmbeddedTaskLogOptions
  readonly #inputs: TaskInputs
  #isClosed = false
  /** Settles after all commits that were called, however they end. */
  #settled: Promise<void> = Promise.resolve()

  constructor(options: EmbeddedTaskLogOptions) {
    this.#options = options
    this.#inputs = new TaskInputs(options)
  }

  get positions(): readonly bigint[] {
    return this.#inputs.positions
  }

  async restore(): Promise<readonly StateChange[]> {
    this.#options.assertUsable()
    return this.#options.readState()
  }

  pull(request: PullRequest): Promise<readonly SliceBatch[] | null> {
    return this.#inputs.pull(request)
  }

  async commit(result: TaskCommit): Promise<{ visibleUs: number }> {
    invariant(!this.#isClosed, `task ${this.#options.id} was closed: it commits no more`)
    const committed = this.#options.commit(result)
    this.#settled = committed.then(
      () => {},
      () => {
        // The caller of `commit` gets the error; `close` only waits.
      },
    )
    const visibleUs = await committed
    this.#inputs.committed(result.next)
    return { visibleUs }
  }

  async lag(): Promise<readonly number[]> {
    return this.#inputs.lag()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#inputs.close()
    await this.#settled
    this.#options.closed()
  }
}
