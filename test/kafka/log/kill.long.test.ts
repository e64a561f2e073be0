import { it } from 'vitest'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import {
  exactCases,
  assertExactAfter,
  assertNothingLostAfter,
  leastCases,
} from './killed-copier.ts'

const others = (cases: readonly (readonly [string, readonly number[]])[]) =>
  cases.flatMap(([point, times]) => times.slice(0, -1).map((time) => `${point}@${time}`))

describeWithKafka('a task that commits exactly once, killed with -9 elsewhere', () => {
  it.concurrent.each(others(exactCases))(
    'at %s leaves whole commits, and ends as an uninterrupted run',
    (failpoint) => assertExactAfter(failpoint),
  )

  it('again and again still ends as an uninterrupted run', () =>
    assertExactAfter('before-end@3', 'after-end-sent@2', 'after-offsets@2', 'before-end@2'))
})

describeWithKafka('a task that commits at least once, killed with -9 elsewhere', () => {
  it.concurrent.each(others(leastCases))(
    'at %s loses nothing, and goes on at or before where it was',
    (failpoint) => assertNothingLostAfter(failpoint),
  )
})
