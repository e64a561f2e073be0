import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { clock, Fleet, uniqueName, untilAtWork, untilComplete } from './fleet.ts'
import { expectedOf, foundIn } from './oracle.ts'
import { Workload } from './workload.ts'

const sessionTimeoutMs = 3_000
/**
 * What a broker was about to end when it was frozen it may leave open until its time is up: 60 s, which is looked
 * at every 10 s. Until then nothing behind it can be read.
 */
const completeMs = 120_000

describeWithKafka('workers whose broker', () => {
  let broker: TestBroker

  beforeAll(async () => {
    broker = await startBroker({ own: true })
  })
  afterAll(() => broker.stop())

  it('is killed, restarted and frozen go on by themselves, and write each result exactly once', async () => {
    const { address } = broker
    const workload = new Workload({ name: uniqueName('away'), address, records: 40_000 })
    await workload.createTopic()
    using fleet = new Fleet({ workload, address, sessionTimeoutMs })
    fleet.start()
    fleet.start()
    await workload.produce(10_000)
    await untilAtWork(workload, { address, fleet })
    const faults = [
      () => broker.kill('SIGKILL'),
      // In good order.
      () => broker.kill('SIGTERM'),
      async () => {
        await broker.kill('SIGSTOP')
        await clock.sleep(2 * sessionTimeoutMs)
        await broker.kill('SIGCONT')
      },
    ]
    for (const [index, fault] of faults.entries()) {
      await workload.produce(5_000)
      await fault()
      if (index < 2) await broker.restart()
    }
    await workload.produce(15_000)
    const expected = await expectedOf(workload, address)
    await untilComplete(workload, { address, expected, withinMs: completeMs, fleet })
    expect(await foundIn(workload, address)).toEqual(expected.written)
    const { results } = await fleet.stopAll()
    // Those of the beginning: none of them had to be started again.
    expect(results.map(({ code }) => code)).toEqual([0, 0])
    expect(results[0]!.stderr).toMatch(/cannot be reached|waits and tries again/)
  }, 240_000)
})
