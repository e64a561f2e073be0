import type { Clock } from '../../core/clock.ts'

export interface TroubleNoticeOptions {
  readonly clock: Clock
  readonly notice: (message: string) => void
}

/** What passes by itself sooner is not worth a word, such as the coordinators of a new cluster being made. */
const patienceMs = 2_000

/** Says that something does not go on, once that has lasted for a while, and then that it goes on again. */
export class TroubleNotice {
  readonly #options: TroubleNoticeOptions
  #trouble: AbortController | null = null
  #isTold = false

  constructor(options: TroubleNoticeOptions) {
    this.#options = options
  }

  begin(message: string): void {
    if (this.#trouble !== null) return
    this.#trouble = new AbortController()
    void this.#tell(message, this.#trouble.signal)
  }

  end(message: string): void {
    if (this.#trouble === null) return
    this.#trouble.abort()
    this.#trouble = null
    if (this.#isTold) this.#options.notice(message)
    this.#isTold = false
  }

  /** Says nothing more. */
  close(): void {
    this.#isTold = false
    this.end('')
  }

  async #tell(message: string, signal: AbortSignal): Promise<void> {
    const { clock, notice } = this.#options
    await clock.sleep(patienceMs, signal)
    if (signal.aborted) return
    this.#isTold = true
    notice(message)
  }
}
