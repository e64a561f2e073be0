import type { Clock } from '../core/clock.ts'
import type { LogReader } from '../core/log.ts'
import type { TopicFollower } from '../core/topic-follower.ts'
import { LogFollower } from '../runtime/follow-topic.ts'

/** Follows topics without waiting for a clock that stands still: it looks in every turn of the event loop. */
export function promptFollower(reader: LogReader, clock: Clock): TopicFollower {
  return new LogFollower(reader, {
    wallMs: () => clock.wallMs(),
    monotonicUs: () => clock.monotonicUs(),
    sleep: () =>
      new Promise((resolve) => {
        setImmediate(resolve)
      }),
  })
}
