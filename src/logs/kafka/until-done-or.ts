import type { Clock } from '../../core/clock.ts'

/** Returns once `done` settles, or `limitMs` has passed. */
export async function untilDoneOr(
  clock: Clock,
  limitMs: number,
  done: Promise<unknown>,
): Promise<void> {
  const waiting = new AbortController()
  const over = clock.sleep(limitMs, waiting.signal)
  await Promise.race([done.catch(() => {}), over])
  waiting.abort()
}
