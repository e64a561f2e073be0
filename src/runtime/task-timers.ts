import type { Clock } from '../core/clock.ts'
import type { StepResult } from './slice.ts'
import type { SliceStep } from './slice-step.ts'

type Timed = Pick<SliceStep, 'flushEveryMs' | 'timers'>

/** What a task has to do by the wall clock: flush at intervals, and what its steps hold back until then. */
export class TaskTimers {
  readonly #step: Timed & Pick<SliceStep, 'flush' | 'wake'>
  readonly #clock: Clock
  #flushAtUs = Number.POSITIVE_INFINITY

  constructor(step: SliceStep, clock: Clock) {
    this.#step = step
    this.#clock = clock
    this.#setFlush()
  }

  /** Whether its steps hold back as much as they may: nothing is to be read before some of it has left. */
  get isFull(): boolean {
    return this.#step.timers.isFull
  }

  /** How long until something is due, ms: 0 or less where it is; Infinity where nothing ever is. */
  get untilDueMs(): number {
    const untilFlushMs = (this.#flushAtUs - this.#clock.monotonicUs()) / 1_000
    return Math.min(untilFlushMs, this.#step.timers.nextWakeMs - this.#clock.wallMs())
  }

  /** Does one of what is due; null where nothing is. */
  run(): StepResult | null {
    if (this.#clock.monotonicUs() >= this.#flushAtUs) {
      this.#setFlush()
      return this.#step.flush()
    }
    return this.#step.timers.nextWakeMs <= this.#clock.wallMs() ? this.#step.wake() : null
  }

  #setFlush(): void {
    const { flushEveryMs } = this.#step
    if (flushEveryMs !== null) this.#flushAtUs = this.#clock.monotonicUs() + 1_000 * flushEveryMs
  }
}
