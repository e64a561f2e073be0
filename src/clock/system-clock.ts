import { clearTimeout, setTimeout } from 'node:timers'
import type { Clock } from '../core/clock.ts'

/** The longest delay of a timer in Node; a longer one fires at once, so longer sleeps take several. */
const maxTimerMs = 2 ** 31 - 1

/** One instant as another clock shows it, and as `process.hrtime` does, which all threads share. */
export interface ClockInstant {
  readonly ns: bigint
  readonly epochUs: number
}

/** @param like an instant of the clock to agree with, in another thread; none: the wall clock. */
export function createSystemClock(like?: ClockInstant): Clock {
  if (like === undefined) return new SystemClock(performance.timeOrigin)
  const sinceUs = Number(process.hrtime.bigint() - like.ns) / 1_000
  return new SystemClock((like.epochUs + sinceUs) / 1_000 - performance.now())
}

export function instantOf(clock: Clock): ClockInstant {
  return { ns: process.hrtime.bigint(), epochUs: clock.monotonicUs() }
}

class SystemClock implements Clock {
  /** The wall time at which `performance.now()` was 0. Read once: later jumps of the wall clock stay out. */
  readonly #originMs: number

  constructor(originMs: number) {
    this.#originMs = originMs
  }

  wallMs(): number {
    return Date.now()
  }

  monotonicUs(): number {
    return (this.#originMs + performance.now()) * 1_000
  }

  /**
   * Resolves in a later turn of the event loop also for 0 and less, so that a loop which sleeps lets
   * others work. A sleep of Infinity ends with its signal only, and does not keep the process alive.
   */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve()
    const endMs = performance.now() + durationMs
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined
      const finish = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      // A timer may fire a little early, and `maxTimerMs` may not be the end: look at the clock again.
      const wait = () => {
        const leftMs = endMs - performance.now()
        if (leftMs > 0) timer = setTimeout(wait, Math.min(Math.ceil(leftMs), maxTimerMs))
        else finish()
      }
      signal?.addEventListener('abort', finish, { once: true })
      if (durationMs === Number.POSITIVE_INFINITY) return
      timer = setTimeout(wait, durationMs > 0 ? Math.min(Math.ceil(durationMs), maxTimerMs) : 0)
    })
  }
}
