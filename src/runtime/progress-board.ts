/**
 * What the tasks of one process tell each other beside the records: that a writer has ended, and since
 * when it has nothing to do. Whoever waits is woken when that changes.
 */
export class ProgressBoard {
  readonly #ended = new Set<string>()
  readonly #quietSinceUs = new Map<string, number>()
  readonly #waiting = new Set<AbortController>()

  end(taskId: string): void {
    // Waking others for what they know already would keep tasks that follow waking each other for ever.
    if (this.#ended.has(taskId)) return
    this.#ended.add(taskId)
    for (const controller of this.#waiting) controller.abort()
    this.#waiting.clear()
  }

  hasEnded(taskId: string): boolean {
    return this.#ended.has(taskId)
  }

  /** The task waits for input and has nothing uncommitted. */
  setQuiet(taskId: string, sinceUs: number): void {
    if (!this.#quietSinceUs.has(taskId)) this.#quietSinceUs.set(taskId, sinceUs)
  }

  setBusy(taskId: string): void {
    this.#quietSinceUs.delete(taskId)
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
