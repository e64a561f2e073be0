export interface BoardListener {
  readonly ended: (taskId: string) => void
  /** null: it has something to do again. */
  readonly quiet: (taskId: string, sinceUs: number | null) => void
}

/**
 * What the tasks of one process tell each other beside the records: that a writer has ended, and since
 * when it has nothing to do. Whoever waits is woken when that changes.
 */
export class ProgressBoard {
  readonly #ended = new Set<string>()
  readonly #quietSinceUs = new Map<string, number>()
  readonly #waiting = new Set<AbortController>()
  readonly #listeners = new Set<BoardListener>()

  /** Tells the listener of all changes from now on; returns how to stop that. */
  listen(listener: BoardListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  end(taskId: string): void {
    // Waking others for what they know already would keep tasks that follow waking each other for ever.
    if (this.#ended.has(taskId)) return
    this.#ended.add(taskId)
    for (const controller of this.#waiting) controller.abort()
    this.#waiting.clear()
    for (const { ended } of this.#listeners) ended(taskId)
  }

  /** What was said of its end does not hold any more. */
  reopen(taskId: string): void {
    this.#ended.delete(taskId)
  }

  hasEnded(taskId: string): boolean {
    return this.#ended.has(taskId)
  }

  /** The task waits for input and has nothing uncommitted. */
  setQuiet(taskId: string, sinceUs: number): void {
    if (this.#quietSinceUs.has(taskId)) return
    this.#quietSinceUs.set(taskId, sinceUs)
    for (const { quiet } of this.#listeners) quiet(taskId, sinceUs)
  }

  setBusy(taskId: string): void {
    if (!this.#quietSinceUs.delete(taskId)) return
    for (const { quiet } of this.#listeners) quiet(taskId, null)
  }

  /** Epoch µs; null while the task works or is blocked. */
  quietSinceUs(taskId: string): number | null {
    return this.#quietSinceUs.get(taskId) ?? null
  }

  /** Runs `wait` with a signal that also aborts when any task ends. */
  async untilChange<Result>(
    outer: AbortSignal,
    wait: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const changed = new AbortController()
    const abort = () => changed.abort()
    this.#waiting.add(changed)
    outer.addEventListener('abort', abort)
    try {
      if (outer.aborted) abort()
      return await wait(changed.signal)
    } finally {
      outer.removeEventListener('abort', abort)
      this.#waiting.delete(changed)
    }
  }
}
