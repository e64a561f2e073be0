import { expect, it } from 'vitest'
import { stageNotices } from '../../src/runtime/stage-notices.ts'

it('what all tasks of a stage say at once is said once, and again when it happens again', () => {
  const told: string[] = []
  const notice = stageNotices((message) => told.push(message))
  for (let round = 0; round < 2; round++) {
    for (let task = 0; task < 4; task++) notice('blocked')
    for (let task = 0; task < 4; task++) notice('works again')
  }
  expect(told).toEqual(['blocked', 'works again', 'blocked', 'works again'])
})
