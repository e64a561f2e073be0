import { rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StateChange, TaskLog } from '../../../src/core/log.ts'
import type { EmbeddedLog } from '../../../src/logs/embedded/embedded-log.ts'
import { openWritableLog } from '../../../src/logs/embedded/open-embedded-log.ts'
import { maxUnmergedChanges } from '../../../src/logs/embedded/state-writer.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { temporaryDirectory } from './copier-process.ts'

describe('state that is merged in lots', () => {
  let directory: string
  let log: EmbeddedLog
  const open = () => openWritableLog({ directory, clock: new VirtualClock() })
  const openTask = () => log.openTask({ id: 'a/0', group: 'a', inputs: [], start: 'earliest' })
  beforeEach(async () => {
    directory = temporaryDirectory()
    log = await open()
  })
  afterEach(async () => {
    await log.close()
    rmSync(directory, { recursive: true })
  })

  const change = (key: string, value: string | null, dueMs: number | null): StateChange => {
    return { step: 's', key, value, dueMs }
  }
  const commit = (task: TaskLog, state: StateChange[]) =>
    task.commit({ outputs: [], state, next: [] })
  const stateOf = async (task: TaskLog) =>
    new Map((await task.restore()).map(({ key, value, dueMs }) => [key, `${value} ${dueMs}`]))

  it(
    'is the same before, in and after a merge, and after a restart',
    { timeout: 30_000 },
    async () => {
      const expected = new Map<string, string>()
      let task = await openTask()
      const perCommit = 3_000
      for (let round = 0; round * perCommit < 3 * maxUnmergedChanges; round++) {
        const changes = Array.from({ length: perCommit }, (_, index) => {
          const key = `k${(round * 1_217 + index * 7) % 9_000}\ud800`
          const removes = (round + index) % 11 === 0
          if (removes) expected.delete(key)
          else expected.set(key, `${round} ${index}`)
          return change(key, removes ? null : String(round), index)
        })
        await commit(task, changes)
        expect(await stateOf(task)).toEqual(expected)
        if (round % 5 !== 4) continue
        await log.close()
        log = await open()
        task = await openTask()
        expect(await stateOf(task)).toEqual(expected)
      }
    },
  )

  it('is forgotten with its group, merged or not', async () => {
    const lot = Array.from({ length: maxUnmergedChanges }, (_, index) =>
      change(`k${index}`, '1', null),
    )
    for (const changes of [lot, [change('a', '1', null)]]) {
      const task = await openTask()
      await commit(task, changes)
      await log.admin.reset({ topics: [], groups: ['a'] })
      expect(await (await openTask()).restore()).toEqual([])
    }
  })
})
