import { expect, it } from 'vitest'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { consumeWithConsole } from '../java/kafka-tool.ts'
import { feedAndKill } from './feed-and-kill.ts'
import { countOf, Fleet, tasksRun, uniqueName, untilComplete, untilTrue } from './fleet.ts'
import { expectedOf, foundIn, idsByPartition } from './oracle.ts'
import { Workload } from './workload.ts'

const { address } = sharedBroker
const sessionTimeoutMs = 3_000
const workers = 3

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
})
