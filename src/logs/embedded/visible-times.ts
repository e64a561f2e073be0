import type { VisibleCommit } from './writer-protocol.ts'

/** Long before so many commits have passed, the time of one is stored. */
const maxRemembered = 1_024

/**
 * When commits became visible. That is known only after a commit was stored, so that its time is
 * stored with the next one and remembered here in between.
 */
export class VisibleTimes {
  readonly #remembered = new Map<number, number>()
  #unsaved: VisibleCommit[] = []

  add(seq: number, visibleUs: number): void {
    this.#unsaved.push({ seq, visibleUs })
    this.#remembered.set(seq, visibleUs)
    if (this.#remembered.size <= maxRemembered) return
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest)
      break
    }
  }

  of(seq: number): number | undefined {
    return this.#remembered.get(seq)
  }

  /** To be sent along with the next commit. */
  takeUnsaved(): readonly VisibleCommit[] {
    const unsaved = this.#unsaved
    this.#unsaved = []
    return unsaved
  }
}
