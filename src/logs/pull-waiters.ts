import type { Clock } from '../core/clock.ts'

export interface PullWait {
  /** Whether waiting has become pointless. Must be cheap: asked at every commit of the process. */
  isOver(): boolean
  readonly waitMs: number
  readonly signal: AbortSignal
}

interface Waiter {
  readonly wait: PullWait
  readonly wake: () => void
}

/** The pulls that wait for records. A commit wakes those that now have some: nobody polls. */
export class PullWaiters {
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** To be called whenever records became visible, or a log or task was closed or broke. */
  wakeReady(): void {
    for (const waiter of this.#waiters) if (waiter.wait.isOver()) waiter.wake()
  }

  /** Returns once waiting is over, `waitMs` has passed or the signal has aborted. */
  async until(wait: PullWait): Promise<void> {
    if (wait.isOver() || wait.signal.aborted || wait.waitMs <= 0) return
    const woken = new AbortController()
    const wake = () => woken.abort()
    const waiter: Waiter = { wait, wake }
    this.#waiters.add(waiter)
    wait.signal.addEventListener('abort', wake)
    try {
      await this.#clock.sleep(wait.waitMs, woken.signal)
    } finally {
      wait.signal.removeEventListener('abort', wake)
      this.#waiters.delete(waiter)
    }
  }
}
