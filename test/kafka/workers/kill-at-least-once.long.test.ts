import { expect, it } from 'vitest'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { feedAndKill } from './feed-and-kill.ts'
import { Fleet, uniqueName, untilTrue } from './fleet.ts'
import { expectedOf, foundIn, withoutRepeats } from './oracle.ts'
import { Workload } from './workload.ts'

const { address } = sharedBroker
const sessionTimeoutMs = 3_000
const workers = 3

describeWithKafka('workers of which one is killed every few seconds', () => {
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
