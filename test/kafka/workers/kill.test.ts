import { expect, it } from 'vitest'
import { SeededRandom } from '../../../src/simulation/seeded-random.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { consumeWithConsole } from '../java/kafka-tool.ts'
import { clock, countOf, Fleet, tasksRun, uniqueName, untilComplete, untilTrue } from './fleet.ts'
import { expectedOf, foundIn, idsByPartition, withoutRepeats } from './oracle.ts'
import { Workload } from './workload.ts'

const { address } = sharedBroker
const sessionTimeoutMs = 3_000
/** Records come in over some 20 s, so that there is work to do at every kill. */
const chunks = 20
const chunkMs = 1_000
const killEveryMs = 3_000
const workers = 3

/** Feeds the workload while workers are killed and others start in their place. */
async function feedAndKill(workload: Workload, fleet: Fleet): Promise<number> {
  const random = new SeededRandom(5)
  let kills = 0
  let nextKillUs = clock.monotonicUs() + 1_000 * killEveryMs
  while (!workload.isProduced) {
    await workload.produce(workload.records / chunks)
    await clock.sleep(chunkMs)
    if (clock.monotonicUs() < nextKillUs) continue
    nextKillUs += 1_000 * killEveryMs
    const { running } = fleet
    const victim = running[Math.floor(random.next() * running.length)]!
    victim.kill('SIGKILL')
    await victim.ended
    kills += 1
    fleet.start()
  }
  return kills
}

describeWithKafka('workers of which one is killed every few seconds', () => {
  it('write each result exactly once, in order, and readers see nothing else meanwhile', async () => {
    const workload = new Workload({ name: uniqueName('kill-exact'), address, records: 100_000 })
    await workload.createTopic()
    using fleet = new Fleet({ workload, address, sessionTimeoutMs })
    for (let worker = 0; worker < workers; worker++) fleet.start()
    await workload.produce(1_000)
    await untilTrue(async () => (await countOf(address, workload.topic('clean'))) > 0, {
      withinMs: 30_000,
      otherwise: () => fleet.said,
    })
    const isolation = 'read_committed' as const
    const maxRecords = 94_000
    const seen = consumeWithConsole(address, workload.topic('clean'), {
      isolation,
      idleMs: 30_000,
      maxRecords,
    })
    const kills = await feedAndKill(workload, fleet)
    const expected = await expectedOf(workload, address)
    await untilComplete(workload, { address, expected, withinMs: 60_000, fleet })
    const { results, reports } = await fleet.stopAll()

    expect(kills).toBeGreaterThanOrEqual(5)
    expect(fleet.all.filter(({ process }) => process.child.signalCode === 'SIGKILL')).toHaveLength(
      kills,
    )
    // Those that came later have tasks that others had before them.
    expect(reports.every((report) => tasksRun(report).ids.length > 0)).toBe(true)
    expect(results.map(({ code }) => code)).toEqual(results.map(() => 0))

    expect(await foundIn(workload, address)).toEqual(expected.written)
    const emitted = expected.written.clean.flat().length
    expect(emitted + expected.filtered + expected.written.deadLetters.length).toBe(
      workload.records + workload.partitions,
    )
    // Whoever reads along sees what is there in the end, in its order, and not a record more.
    const seenIds = idsByPartition(await seen, workload.partitions)
    expect(seenIds.flat().length).toBe(Math.min(maxRecords, emitted))
    for (const [partition, ids] of seenIds.entries())
      expect(expected.written.clean[partition]!.slice(0, ids.length)).toEqual(ids)
  }, 180_000)

  it('lose nothing at least once, and keep the order of each partition', async () => {
    const workload = new Workload({
      name: uniqueName('kill-least'),
      address,
      records: 50_000,
      delivery: 'at_least_once',
    })
    await workload.createTopic()
    using fleet = new Fleet({ workload, address, sessionTimeoutMs })
    for (let worker = 0; worker < workers; worker++) fleet.start()
    const kills = await feedAndKill(workload, fleet)
    const expected = await expectedOf(workload, address)
    const all = expected.written.clean.flat().length
    const found = async () => (await foundIn(workload, address)).clean
    await untilTrue(async () => (await found()).flatMap(withoutRepeats).length >= all, {
      withinMs: 60_000,
      otherwise: () => `records are missing\n${fleet.said}`,
    })
    await fleet.stopAll()
    expect(kills).toBeGreaterThanOrEqual(5)
    const clean = await found()
    expect(clean.map(withoutRepeats)).toEqual(expected.written.clean)
    const repeated = clean.flat().length - all
    expect(repeated).toBeLessThan(all)
  }, 180_000)
})
