import type { Clock } from '../../core/clock.ts'

/** How a process is, as data for another one. Times in seconds, sizes in bytes. */
export interface ProcessSample {
  readonly cpuUser: number
  readonly cpuSystem: number
  readonly rss: number
  readonly heapUsed: number
  readonly uptime: number
  readonly loopDelayP99: number
  readonly loopDelayMax: number
  readonly loopUtilization: number
}

/** The event loop of the main thread; delays in seconds since the last `reset`. */
export interface WatchedLoop {
  readonly delayP99: number
  readonly delayMax: number
  readonly utilization: number
  reset(): void
  close(): void
}

/** Delays are those of the time since they were read last, or longer, so that several can read them. */
export const delayWindowMs = 10_000

/** Watches the process that it is in. */
export class ProcessWatch {
  readonly #clock: Clock
  readonly #loop: WatchedLoop
  #sinceUs: number

  constructor(clock: Clock, loop: WatchedLoop) {
    this.#clock = clock
    this.#loop = loop
    this.#sinceUs = clock.monotonicUs()
  }

  sample(): ProcessSample {
    const { user, system } = process.cpuUsage()
    const { rss, heapUsed } = process.memoryUsage()
    return {
      cpuUser: user / 1e6,
      cpuSystem: system / 1e6,
      rss,
      heapUsed,
      uptime: process.uptime(),
      ...this.#sampleLoop(),
    }
  }

  close(): void {
    this.#loop.close()
  }

  #sampleLoop(): Pick<ProcessSample, 'loopDelayP99' | 'loopDelayMax' | 'loopUtilization'> {
    const nowUs = this.#clock.monotonicUs()
    const { delayP99, delayMax, utilization } = this.#loop
    if (nowUs - this.#sinceUs >= 1_000 * delayWindowMs) {
      this.#loop.reset()
      this.#sinceUs = nowUs
    }
    return { loopDelayP99: delayP99, loopDelayMax: delayMax, loopUtilization: utilization }
  }
}
