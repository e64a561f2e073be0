import type { Clock, Random } from '../core/clock.ts'
import { PipelineError } from '../core/errors.ts'

export interface Backoff {
  readonly initialMs: number
  readonly maxMs: number
}

export interface RetryOptions {
  readonly backoff: Backoff
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  /** Called at the first failure of a row, and once it is over. */
  readonly onBlocked: (error: PipelineError) => void
  readonly onUnblocked: () => void
  /** Called before each attempt but the first, with the error of the one before. */
  readonly onRetry?: (error: PipelineError) => void
}

/** The nth pause (from 0), doubled each time up to the maximum, between half and all of it by chance. */
export function pauseMs(backoff: Backoff, attempt: number, random: Random): number {
  const full = Math.min(backoff.maxMs, backoff.initialMs * 2 ** Math.min(attempt, 30))
  return full * (0.5 + 0.5 * random.next())
}

/**
 * Repeats `attempt` for as long as the peer is unavailable or the disk is full.
 * @returns null when the signal aborted while waiting. Other errors are thrown on.
 */
export async function retryWhileUnavailable<Result>(
  attempt: () => Promise<Result>,
  options: RetryOptions,
): Promise<Result | null> {
  for (let failures = 0; ; failures++) {
    try {
      const result = await attempt()
      if (failures > 0) options.onUnblocked()
      return result
    } catch (thrown) {
      if (!isPassing(thrown)) throw thrown
      // What was cut off because the run stops is no news of the peer.
      if (options.signal.aborted) return null
      if (failures === 0) options.onBlocked(thrown)
      await options.clock.sleep(pauseMs(options.backoff, failures, options.random), options.signal)
      if (options.signal.aborted) return null
      options.onRetry?.(thrown)
    }
  }
}

function isPassing(thrown: unknown): thrown is PipelineError {
  return (
    thrown instanceof PipelineError && (thrown.kind === 'unavailable' || thrown.kind === 'full')
  )
}
