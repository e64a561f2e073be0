import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

/** How late the main thread gets to its work. Delays in seconds, since the last `reset`. */
export interface EventLoop {
  readonly delayP99: number
  readonly delayMax: number
  /** Share of the time at work since the process began, 0 to 1. */
  readonly utilization: number
  reset(): void
  close(): void
}

/** Often enough to find a thread that hangs, and for a thousandth of a core. */
const resolutionMs = 50

export function watchEventLoop(): EventLoop {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs })
  delays.enable()
  return {
    get delayP99() {
      return delayOf(delays.percentile(99))
    },
    get delayMax() {
      return delayOf(delays.max)
    },
    get utilization() {
      return performance.eventLoopUtilization().utilization
    },
    reset: () => delays.reset(),
    close: () => void delays.disable(),
  }
}

/** It measures how long its own pauses were, in ns. */
function delayOf(pauseNs: number): number {
  return Number.isFinite(pauseNs) ? Math.max(0, pauseNs / 1e9 - resolutionMs / 1_000) : 0
}
