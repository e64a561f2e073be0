import { expect, it } from 'vitest'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { clock, countOf, Fleet, hasTasks, uniqueName, untilComplete, untilTrue } from './fleet.ts'
import { expectedOf, foundIn } from './oracle.ts'
import { Workload } from './workload.ts'

const { address } = sharedBroker
/** So long that nobody takes over in time. */
const sessionTimeoutMs = 40_000

/** The third worker is the first one come back. */
const instance = (worker: number) => ({ MILLRACE_INSTANCE_ID: worker === 2 ? 'other' : 'one' })

describeWithKafka('a worker with an instance id', () => {
  it('gets its tasks back at once when it is killed and started again', async () => {
    const workload = new Workload({ name: uniqueName('static'), address, records: 30_000 })
    await workload.createTopic()
    using fleet = new Fleet({ workload, address, sessionTimeoutMs, env: instance })
    const first = fleet.start()
    await first.process.until(hasTasks)
    const other = fleet.start()
    await other.process.until(hasTasks)
    await workload.produce(15_000)
    await untilTrue(async () => (await countOf(address, workload.topic('clean'))) > 2_000, {
      withinMs: 30_000,
      otherwise: () => fleet.said,
    })
    const toldBefore = other.process.stderr.match(/this worker runs/g)!.length
    first.kill('SIGKILL')
    await first.ended
    const killedUs = clock.monotonicUs()
    fleet.start()
    await workload.produce(15_000)
    const expected = await expectedOf(workload, address)
    await untilComplete(workload, { address, expected, withinMs: sessionTimeoutMs, fleet })
    expect((clock.monotonicUs() - killedUs) / 1_000).toBeLessThan(sessionTimeoutMs)
    expect(await foundIn(workload, address)).toEqual(expected.written)
    // Nothing changed for the other one.
    expect(other.process.stderr.match(/this worker runs/g)).toHaveLength(toldBefore)
    await fleet.stopAll()
  }, 120_000)

  it('is stopped by a second one with the same id, which has its tasks then', async () => {
    const workload = new Workload({ name: uniqueName('same-id'), address, records: 5_000 })
    await workload.createTopic()
    using fleet = new Fleet({
      workload,
      address,
      sessionTimeoutMs,
      env: () => ({ MILLRACE_INSTANCE_ID: 'same' }),
    })
    const first = fleet.start()
    await first.process.until(hasTasks)
    const second = fleet.start()
    const { code, stderr } = await first.ended
    expect(code).toBe(1)
    expect(stderr).toContain('another worker with this instance id has taken over')
    await second.process.until(hasTasks)
    await workload.produce(5_000)
    const expected = await expectedOf(workload, address)
    await untilComplete(workload, { address, expected, withinMs: 30_000, fleet })
    expect(await foundIn(workload, address)).toEqual(expected.written)
    await fleet.stopAll()
  }, 90_000)
})
