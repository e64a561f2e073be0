import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { consumeAll } from '../java/kafka-tool.ts'
import { ProxiedBroker } from '../producing/producing-fixture.ts'
import type { Fault } from '../proxy/fault.ts'
import type { ApiName } from '../../../src/logs/kafka/client/api-keys.ts'
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

const sessionTimeoutMs = 2_000
const apis: readonly ApiName[] = [
  'AddPartitionsToTxn',
  'Produce',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
  'EndTxn',
]
/** The proxy holds the request that would end a transaction: so that one is open for certain. */
const endOfTransaction = { api: 'EndTxn', action: 'hold_request' } as const

describeWithKafka('workers to which something happens in the middle of a transaction', () => {
  let kafka: ProxiedBroker
  let address: string
  const fleets: Fleet[] = []

  beforeAll(async () => {
    kafka = await ProxiedBroker.start()
    address = kafka.address
  })
  afterEach(() => {
    for (const fleet of fleets.splice(0)) fleet[Symbol.dispose]()
  })
  afterAll(() => kafka.stop())

  async function scene(
    name: string,
    records: number,
  ): Promise<{ workload: Workload; fleet: Fleet }> {
    const workload = new Workload({ name: uniqueName(name), address, records })
    await workload.createTopic()
    const fleet = new Fleet({ workload, address: kafka.proxy.address, sessionTimeoutMs })
    fleets.push(fleet)
    return { workload, fleet }
  }

  async function assertExact(workload: Workload, fleet: Fleet): Promise<void> {
    const expected = await expectedOf(workload, address)
    await untilComplete(workload, { address, expected, withinMs: 60_000, fleet })
    expect(await foundIn(workload, address)).toEqual(expected.written)
  }

  it('finish it when they are told to stop, in time, and leave none open', async () => {
    const { workload, fleet } = await scene('stop-open', 20_000)
    const leaver = fleet.start()
    await workload.produce(10_000)
    await untilAtWork(workload, { address, fleet })
    const held = kafka.proxy.inject(endOfTransaction)
    await workload.produce(1_000)
    await held.happened
    const stopping = leaver.stop()
    await leaver.process.until(({ stderr }) => stderr.includes('stopping:'))
    held.release()
    const { result, tookMs } = await stopping
    expect(result.code).toBe(0)
    expect(tookMs).toBeLessThan(10_000)
    expect(await openPartitions(address, workload.topic('clean'))).toEqual([])
    fleet.start()
    await workload.produce(20_000)
    await assertExact(workload, fleet)
  }, 120_000)

  it('lose nothing of it and repeat nothing when they are killed, also if its end comes late', async () => {
    const { workload, fleet } = await scene('kill-open', 20_000)
    const victim = fleet.start()
    await workload.produce(10_000)
    await untilAtWork(workload, { address, fleet })
    const held = kafka.proxy.inject(endOfTransaction)
    await workload.produce(1_000)
    await held.happened
    victim.kill('SIGKILL')
    await victim.ended
    const heir = fleet.start()
    await heir.process.until(hasTasks)
    await workload.produce(2_000)
    // What the dead one had sent arrives while the heir is at work.
    held.release()
    await workload.produce(20_000)
    await assertExact(workload, fleet)
  }, 120_000)

  it('commit nothing any more once they were frozen for three sessions, and take part again', async () => {
    const { workload, fleet } = await scene('zombie', 30_000)
    const zombie = fleet.start()
    await workload.produce(10_000)
    await untilAtWork(workload, { address, fleet })
    const held = kafka.proxy.inject(endOfTransaction)
    await workload.produce(1_000)
    await held.happened
    zombie.kill('SIGSTOP')
    const heir = fleet.start()
    await clock.sleep(3 * sessionTimeoutMs)
    await heir.process.until(hasTasks)
    const before = workload.produced
    await workload.produce(10_000)
    const clean = workload.topic('clean')
    await untilTrue(async () => (await consumeAll(address, clean, committed)).length > before, {
      withinMs: 30_000,
      otherwise: () => `the heir does not go on\n${fleet.said}`,
    })
    // The end of the transaction in which the zombie was frozen comes when others have its tasks.
    held.release()
    zombie.kill('SIGCONT')
    await zombie.process.until(({ stderr }) => stderr.includes('no sign of life'))
    await workload.produce(30_000)
    await assertExact(workload, fleet)
    await zombie.process.until(({ stderr }) => stderr.split('this worker runs').length > 2)
    const { results, reports } = await fleet.stopAll()
    expect(results.map(({ code }) => code)).toEqual([0, 0])
    const { ids, all } = tasksRun(reports[1]!)
    expect(ids).toHaveLength(all)
  }, 120_000)

  it('find out what became of it when answers are lost that the broker has given', async () => {
    const { workload, fleet } = await scene('lost-answers', 40_000)
    fleet.start()
    fleet.start()
    await workload.produce(5_000)
    await untilAtWork(workload, { address, fleet })
    for (let round = 0; round < 2; round++) {
      // The id is taken again after each of the others.
      const again = kafka.proxy.inject({ api: 'InitProducerId', action: 'drop_response' })
      for (const api of apis) {
        const fault = kafka.proxy.inject({ api, action: 'drop_response' })
        await produceUntil(workload, fault)
      }
      await produceUntil(workload, again)
    }
    while (!workload.isProduced) await workload.produce(5_000)
    await assertExact(workload, fleet)
    const { results } = await fleet.stopAll()
    expect(results.map(({ code }) => code)).toEqual([0, 0])
  }, 120_000)
})

/** A few records at a time, so that there is always something to commit. */
async function produceUntil(workload: Workload, fault: Fault): Promise<void> {
  while (fault.times === 0) {
    expect(workload.isProduced, 'the fault has not happened, and no more records are left').toBe(
      false,
    )
    await workload.produce(250)
    await Promise.race([fault.happened, clock.sleep(500)])
  }
}

const committed = { isolation: 'read_committed', waitMs: 0 } as const

/** In which records lie behind the last ones that can be read. */
async function openPartitions(address: string, topic: string): Promise<number[]> {
  const all = await consumeAll(address, topic, { isolation: 'read_uncommitted', waitMs: 0 })
  const readable = await consumeAll(address, topic, committed)
  const ends = (records: typeof all) =>
    new Map(records.map(({ partition, offset }) => [partition, offset]))
  const last = ends(readable)
  return [...ends(all)]
    .filter(([partition, offset]) => offset > (last.get(partition) ?? -1n))
    .map(([partition]) => partition)
}
