import { it } from 'vitest'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import {
  exactCases,
  assertExactAfter,
  assertNothingLostAfter,
  leastCases,
} from './killed-copier.ts'

/** Of each place the last time; `kill.long.test.ts` has the others. */
describeWithKafka('a task that commits exactly once, killed with -9', () => {
  // Each of them spends most of its time waiting.
  it.concurrent.each(exactCases.map(([point, times]) => `${point}@${times.at(-1)}`))(
    'at %s leaves whole commits, and ends as an uninterrupted run',
    (failpoint) => assertExactAfter(failpoint),
  )
})

describeWithKafka('a task that commits at least once, killed with -9', () => {
  it.concurrent.each(leastCases.map(([point, times]) => `${point}@${times.at(-1)}`))(
    'at %s loses nothing, and goes on at or before where it was',
    (failpoint) => assertNothingLostAfter(failpoint),
  )
})
