import { expect, it } from 'vitest'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { consumeAll } from '../java/kafka-tool.ts'
import {
  clock,
  countOf,
  Fleet,
  hasTasks,
  tasksRun,
  uniqueName,
  untilComplete,
  untilTrue,
} from './fleet.ts'
import { expectedOf, foundIn } from './oracle.ts'
import { Workload } from './workload.ts'

const { address } = sharedBroker
/** So long that nobody could take over in time without a good-bye. */
const sessionTimeoutMs = 30_000
const exitWithinMs = 10_000

/** What is in a topic beyond the last transaction that is still open; 0: none is. */
async function countInOpenTransactions(topic: string): Promise<number> {
  const all = await consumeAll(address, topic, { isolation: 'read_uncommitted', waitMs: 0 })
  const end = (partition: number) =>
    Math.max(
      -1,
      ...all.filter((each) => each.partition === partition).map(({ offset }) => Number(offset)),
    )
  const committed = await consumeAll(address, topic, { isolation: 'read_committed', waitMs: 0 })
  const lastStable = (partition: number) =>
    Math.max(
      -1,
      ...committed
        .filter((each) => each.partition === partition)
        .map(({ offset }) => Number(offset)),
    )
  const partitions = [...new Set(all.map(({ partition }) => partition))]
  return partitions.filter((partition) => end(partition) > lastStable(partition)).length
}

describeWithKafka('a worker that is told to stop in the middle of its work', () => {
  it('ends well within 10 s, leaves no transaction open, and the others take over at once', async () => {
    const workload = new Workload({ name: uniqueName('stop'), address, records: 60_000 })
    await workload.createTopic()
    await workload.produce(30_000)
    using fleet = new Fleet({ workload, address, sessionTimeoutMs })
    const leaver = fleet.start()
    await untilTrue(async () => (await countOf(address, workload.topic('clean'))) > 2_000, {
      withinMs: 30_000,
      otherwise: () => fleet.said,
    })
    const heir = fleet.start()
    await heir.process.until(hasTasks)
    await workload.produce(30_000)
    const { result, tookMs } = await leaver.stop()
    const stoppedUs = clock.monotonicUs()
    expect(result.code).toBe(0)
    expect(tookMs).toBeLessThan(exitWithinMs)
    expect(await countInOpenTransactions(workload.topic('clean'))).toBe(0)
    const expected = await expectedOf(workload, address)
    await untilComplete(workload, { address, expected, withinMs: sessionTimeoutMs, fleet })
    // Less than a session: the group was told, it has not just missed the worker.
    expect((clock.monotonicUs() - stoppedUs) / 1_000).toBeLessThan(sessionTimeoutMs)
    const { reports } = await fleet.stopAll()
    const { ids, all } = tasksRun(reports[0]!)
    expect(ids).toHaveLength(all)
    expect(heir.process.child.exitCode).toBe(0)
    expect(await foundIn(workload, address)).toEqual(expected.written)
  }, 120_000)

  it('repeats no record, also where a stage promises no more than at least once', async () => {
    const workload = new Workload({
      name: uniqueName('stop-least'),
      address,
      records: 40_000,
      delivery: 'at_least_once',
    })
    await workload.createTopic()
    using fleet = new Fleet({ workload, address, sessionTimeoutMs })
    fleet.start()
    for (let round = 0; round < 5; round++) {
      fleet.start()
      await workload.produce(8_000)
      const before = await countOf(address, workload.topic('clean'))
      await untilTrue(async () => (await countOf(address, workload.topic('clean'))) > before, {
        withinMs: 30_000,
        otherwise: () => fleet.said,
      })
      const { result, tookMs } = await fleet.running[0]!.stop()
      expect(result.code).toBe(0)
      expect(tookMs).toBeLessThan(exitWithinMs)
    }
    const expected = await expectedOf(workload, address)
    await untilComplete(workload, { address, expected, withinMs: 60_000, fleet })
    await fleet.stopAll()
    expect(await foundIn(workload, address)).toEqual(expected.written)
  }, 120_000)
})
