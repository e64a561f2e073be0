import type { TaskEvents } from './task-events.ts'

export interface StageLimits {
  /** Records waiting. */
  readonly lag: number | null
  readonly delayMs: number | null
}

const lagCheckUs = 1_000_000

/** Tells once when a limit of the stage is passed, and again only after it was kept in between. */
export class LimitsWatch {
  readonly #limits: StageLimits
  readonly #events: TaskEvents
  #isDelayed = false
  #isLagging = false
  #lagCheckedUs = Number.NEGATIVE_INFINITY

  constructor(limits: StageLimits, events: TaskEvents) {
    this.#limits = limits
    this.#events = events
  }

  /** @param delayUs the longest wait of a record in the slice that was just committed. */
  checkDelay(delayUs: number): void {
    const { delayMs } = this.#limits
    if (delayMs === null) return
    const isDelayed = delayUs > 1_000 * delayMs
    if (isDelayed && !this.#isDelayed) {
      this.#events.publish('delay_exceeded', { delay_ms: delayUs / 1_000, limit_ms: delayMs })
    }
    this.#isDelayed = isDelayed
  }

  /** Asks for the lag, at most once a second. */
  async checkLag(nowUs: number, lagOf: () => Promise<number>): Promise<void> {
    const limit = this.#limits.lag
    if (limit === null || nowUs - this.#lagCheckedUs < lagCheckUs) return
    this.#lagCheckedUs = nowUs
    const lag = await lagOf()
    const isLagging = lag > limit
    if (isLagging && !this.#isLagging) this.#events.publish('lag_exceeded', { lag, limit })
    this.#isLagging = isLagging
  }
}
