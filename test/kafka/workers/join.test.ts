import { expect, it } from 'vitest'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { connectTo } from '../producing/producing-fixture.ts'
import {
  clock,
  Fleet,
  hasTasks,
  tasksRun,
  uniqueName,
  untilAtWork,
  untilComplete,
  untilTrue,
} from './fleet.ts'
import { expectedOf, foundIn } from './oracle.ts'
import { Workload } from './workload.ts'

const { address } = sharedBroker
const sessionTimeoutMs = 10_000

describeWithKafka('a worker that comes in the middle of the work', () => {
  it('takes tasks over, of which nothing is lost, repeated or out of order', async () => {
    const workload = new Workload({ name: uniqueName('join'), address, records: 40_000 })
    await workload.createTopic()
    await workload.produce(20_000)
    using fleet = new Fleet({ workload, address, sessionTimeoutMs })
    fleet.start()
    await untilAtWork(workload, { address, fleet })
    const newcomers = [fleet.start(), fleet.start()]
    await Promise.all(newcomers.map(({ process }) => process.until(hasTasks)))
    await workload.produce(20_000)
    const expected = await expectedOf(workload, address)
    await untilComplete(workload, { address, expected, withinMs: 60_000, fleet })
    const { results, reports } = await fleet.stopAll()
    expect(await foundIn(workload, address)).toEqual(expected.written)
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0])
    const [all, ...shares] = reports.map(tasksRun)
    expect(all!.ids).toHaveLength(all!.all)
    for (const { ids } of shares) expect(ids.length).toBeGreaterThanOrEqual(all!.all / 3 - 1)
  }, 120_000)
})

describeWithKafka('a key that nine of ten records have', () => {
  it('does not keep the records of other keys waiting', async () => {
    const workload = new Workload({ name: uniqueName('hot'), address, records: 40_000, hot: 0.9 })
    await workload.createTopic()
    await workload.produce(40_000)
    const expected = await expectedOf(workload, address)
    const counts = expected.written.clean.map(({ length }) => length)
    const hot = counts.indexOf(Math.max(...counts))
    expect(counts[hot]).toBeGreaterThan(30_000)

    using fleet = new Fleet({ workload, address, sessionTimeoutMs })
    fleet.start()
    fleet.start()
    const client = await connectTo(address)
    const places = counts.map((_, partition) => ({ topic: workload.topic('clean'), partition }))
    let left = counts[hot]!
    await untilTrue(
      async () => {
        fleet.assertRunning()
        // Fails while the topic is being made.
        const asked = client.listOffsets(places, 'latest', 'read_committed')
        const ends = await asked.catch(() => null)
        if (ends === null) return false
        // Markers of transactions count too, so that this is not before the records are there.
        const isOthersDone = ends.every(
          (end, partition) => partition === hot || Number(end) > counts[partition]!,
        )
        if (!isOthersDone) left = counts[hot]! - Number(ends[hot]!)
        return isOthersDone
      },
      { withinMs: 60_000, otherwise: () => fleet.said },
    )
    await client.close()
    // When the others were last seen at work, most of the hot key's records were still to come.
    expect(left).toBeGreaterThan(counts[hot]! / 2)
    await untilComplete(workload, { address, expected, withinMs: 60_000, fleet })
    expect(await foundIn(workload, address)).toEqual(expected.written)
    await fleet.stopAll()
  }, 120_000)
})

describeWithKafka('two different files under the name of one pipeline', () => {
  it('do not run together: the second one is refused, and the first one goes on', async () => {
    const workload = new Workload({ name: uniqueName('two-files'), address, records: 5_000 })
    await workload.createTopic()
    using first = new Fleet({ workload, address, sessionTimeoutMs })
    await first.start().process.until(hasTasks)
    const { name } = workload
    const file = workload.file.replace('value.amount >= 0', 'value.amount >= 100')
    using second = new Fleet({ workload: { name, file }, address, sessionTimeoutMs })
    const startUs = clock.monotonicUs()
    const { code, stderr } = await second.start().ended
    expect(code).toBe(2)
    expect((clock.monotonicUs() - startUs) / 1_000).toBeLessThan(10_000)
    expect(stderr).toMatch(/runs another version of the file under this name/)
    expect(stderr).toMatch(/stop those workers first, or give this pipeline another name/)
    await workload.produce(5_000)
    const expected = await expectedOf(workload, address)
    await untilComplete(workload, { address, expected, withinMs: 30_000, fleet: first })
    expect(await foundIn(workload, address)).toEqual(expected.written)
    await first.stopAll()
  }, 60_000)
})
