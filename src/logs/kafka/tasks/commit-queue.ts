/** Commits of one task, one after the other in the order of the calls. */
export class CommitQueue {
  /** The commit that was called last. */
  #last: Promise<void> = Promise.resolve()

  /**
   * Those that were called before the failure of an earlier one was known fail with it: they may build on
   * it. One that is called later does not.
   */
  run(commit: () => Promise<void>): Promise<void> {
    const committed = this.#last.then(commit)
    this.#last = committed
    committed.catch(() => {
      if (this.#last === committed) this.#last = Promise.resolve()
    })
    return committed
  }

  /** Settles once nothing is under way; never rejects. */
  get idle(): Promise<void> {
    return this.#last.catch(() => {})
  }
}
