import { expect, it } from 'vitest'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
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
const sessionTimeoutMs = 2_000

describeWithKafka('a worker that is frozen for three session timeouts', () => {
  it('commits nothing of what others have done meanwhile, and takes part again', async () => {
    const workload = new Workload({ name: uniqueName('zombie'), address, records: 60_000 })
    await workload.createTopic()
    using fleet = new Fleet({ workload, address, sessionTimeoutMs })
    const zombie = fleet.start()
    await zombie.process.until(hasTasks)
    await fleet.start().process.until(hasTasks)
    await workload.produce(20_000)
    await untilTrue(async () => (await countOf(address, workload.topic('clean'))) > 2_000, {
      withinMs: 30_000,
      otherwise: () => fleet.said,
    })
    // In the middle of its work, most probably of a transaction.
    zombie.kill('SIGSTOP')
    await workload.produce(20_000)
    await clock.sleep(3 * sessionTimeoutMs)
    const taken = await countOf(address, workload.topic('clean'))
    zombie.kill('SIGCONT')
    await workload.produce(20_000)
    const expected = await expectedOf(workload, address)
    await untilComplete(workload, { address, expected, withinMs: 60_000, fleet })
    const { results, reports } = await fleet.stopAll()
    expect(await foundIn(workload, address)).toEqual(expected.written)
    expect(results.map(({ code }) => code)).toEqual([0, 0])
    // The heir has run all tasks, and gone on while the zombie was frozen.
    const { ids, all } = tasksRun(reports[1]!)
    expect(ids).toHaveLength(all)
    expect(taken).toBeGreaterThan(20_000)
    expect(zombie.process.stderr).toContain('no sign of life')
  }, 120_000)
})
