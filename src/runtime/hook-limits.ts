import { TokenBucket } from '../core/token-bucket.ts'
import type { StageHook } from '../topology/topology.ts'

/** Events that wait for one listener; later ones are dropped and counted. */
export const maxWaitingEvents = 1_000
/** How long a listener may take for one event; then it is abandoned. */
export const listenerDeadlineMs = 5_000

export type HookLimits = StageHook['delivery']

export const defaultHookLimits: HookLimits = {
  deadlineMs: listenerDeadlineMs,
  queue: maxWaitingEvents,
  rate: null,
}

/** null where there is no limit. */
export function bucketOf({ rate }: HookLimits): TokenBucket | null {
  if (rate === null) return null
  return new TokenBucket({ perSecond: (1_000 * rate.count) / rate.perMs, burst: rate.count })
}
