import { expect, it } from 'vitest'
import { SeededRandom } from '../../../src/simulation/seeded-random.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { clock, countOf, Fleet, hasTasks, uniqueName, untilComplete } from './fleet.ts'
import { expectedOf, foundIn } from './oracle.ts'
import { Workload } from './workload.ts'

const { address } = sharedBroker
const sessionTimeoutMs = 6_000
const changeEveryMs = 1_500
const changes = 10
/** Within each of these there has to be progress. */
const changesPerSlice = 5
const mostWorkers = 5

describeWithKafka('workers of which one comes or goes all the time', () => {
  it('get on all the same, and write each result exactly once, in order', async () => {
    const workload = new Workload({ name: uniqueName('storm'), address, records: 30_000 })
    await workload.createTopic()
    using fleet = new Fleet({ workload, address, sessionTimeoutMs })
    const first = fleet.start()
    fleet.start()
    await first.process.until(hasTasks)
    const random = new SeededRandom(11)
    const stopping: Promise<number>[] = []
    const progress: number[] = []
    for (let change = 1; change <= changes; change++) {
      await workload.produce(workload.records / changes)
      await clock.sleep(changeEveryMs)
      const { running } = fleet
      const grows = running.length < 2 || (running.length < mostWorkers && random.next() < 0.5)
      if (grows) fleet.start()
      else {
        const leaver = running[Math.floor(random.next() * running.length)]!
        stopping.push(leaver.stop().then(({ tookMs }) => tookMs))
      }
      if (change % changesPerSlice === 0)
        progress.push(await countOf(address, workload.topic('clean')))
    }
    const stoppedMs = await Promise.all(stopping)
    for (const [slice, count] of progress.entries())
      expect(count, fleet.said).toBeGreaterThan(progress[slice - 1] ?? 0)
    const expected = await expectedOf(workload, address)
    // After the storm all is steady again in 20 s.
    await untilComplete(workload, { address, expected, withinMs: 30_000, fleet })
    await fleet.stopAll()
    expect(await foundIn(workload, address)).toEqual(expected.written)
    expect(stoppedMs.length).toBeGreaterThan(changes / 4)
    expect(Math.max(...stoppedMs)).toBeLessThan(10_000)
    // One that had hardly started ends by the signal itself: it had not begun anything.
    const began = fleet.all.filter(({ process }) => hasTasks(process))
    expect(began.map(({ process }) => process.child.exitCode)).toEqual(began.map(() => 0))
  }, 120_000)
})
