import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Log } from '../../../src/core/log.ts'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { endless, generous } from '../../conformance/log-fixture.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { again, connectTo } from '../client/client-fixture.ts'
import { countOf, openLog, pullAll, settle, StageFixture } from './kafka-log-fixture.ts'

describeWithKafka('positions and state that somebody has changed', () => {
  let client: KafkaClient
  let log: Log
  let stage: StageFixture
  beforeEach(async () => {
    client = await connectTo(sharedBroker.address)
    log = await openLog(sharedBroker.address)
    stage = await StageFixture.create(log)
  })
  afterEach(async () => {
    await log.close()
    await client.close()
  })

  /** Two of four records are done. */
  async function workHalf(): Promise<void> {
    await stage.write('a', 'b', 'c', 'd')
    const task = await stage.open()
    await task.commit(stage.counting(1, 1))
    await task.commit(stage.counting(2, 2))
    await task.close()
    await settle(client, stage.name)
  }

  /** As somebody does who wants to clean up. */
  async function deleteTopic(topic: string): Promise<void> {
    await client.deleteTopics([topic])
  }

  it('of a group that was deleted are taken from the state', async () => {
    await workHalf()
    await client.deleteGroups([stage.group])
    const task = await stage.open()
    expect(task.positions).toEqual([2n])
    expect(await countOf(task)).toBe('2')
    expect(await pullAll(task)).toEqual(['c', 'd'])
    await task.commit(stage.counting(4, 4))
    expect(await again(() => client.fetchOffsets(stage.group, [stage.input]))).toEqual([4n])
  })

  it('of a group that was deleted while its task works are found out about, and nothing is done twice', async () => {
    await workHalf()
    const task = await stage.open()
    await client.deleteGroups([stage.group])
    await task.commit(stage.counting(3, 3))
    await task.close()
    expect((await stage.open()).positions).toEqual([3n])
    expect(await stage.results()).toEqual(['1', '2', '3'])
  })

  it.each([1, 3])(
    'of a group that was moved to %i contradict the state, and are refused',
    async (offset) => {
      await workHalf()
      await client.commitOffsets(stage.group, null, [{ ...stage.input, offset: BigInt(offset) }])
      const opened = stage.open()
      await expect(opened).rejects.toMatchObject({ code: 'LOG_POSITION_LOST' })
      await expect(opened).rejects.toThrow(
        `the group ${stage.group} stands at offset ${offset}, and the state of the task at 2`,
      )
      // As the message says.
      await client.commitOffsets(stage.group, null, [{ ...stage.input, offset: 2n }])
      expect((await stage.open()).positions).toEqual([2n])
    },
  )

  it.each(['at_least_once', 'exactly_once'] as const)(
    'of a stage without state may be moved by hand (%s)',
    async (delivery) => {
      await stage.write('a', 'b', 'c')
      const task = await stage.openStateless(delivery)
      await task.commit({ outputs: [], state: [], next: [{ ...stage.input, offset: 3n }] })
      await task.close()
      await client.commitOffsets(stage.group, null, [{ ...stage.input, offset: 1n }])
      expect(await pullAll(await stage.openStateless(delivery))).toEqual(['b', 'c'])
    },
  )

  it('of a stage that commits exactly once without state are not begun anew when they are lost', async () => {
    await stage.write('a', 'b')
    const task = await stage.openStateless('exactly_once')
    await task.commit({ outputs: [], state: [], next: [{ ...stage.input, offset: 2n }] })
    await task.close()
    await client.deleteGroups([stage.group])
    const opened = stage.openStateless('exactly_once')
    await expect(opened).rejects.toMatchObject({ code: 'LOG_POSITION_LOST' })
    await expect(opened).rejects.toThrow(`the group ${stage.group} has no position in topic`)
  })

  it('of a stage that began with the latest records are not begun there again when they are lost', async () => {
    await stage.write('old')
    await (await stage.openStateless('at_least_once', 'latest')).close()
    await stage.write('new')
    await client.deleteGroups([stage.group])
    const opened = stage.openStateless('at_least_once', 'latest')
    await expect(opened).rejects.toMatchObject({ code: 'LOG_POSITION_LOST' })
  })

  it('are begun anew, at least once, where that loses nothing', async () => {
    await stage.write('a', 'b')
    const task = await stage.openStateless('at_least_once')
    await task.commit({ outputs: [], state: [], next: [{ ...stage.input, offset: 2n }] })
    await task.close()
    await client.deleteGroups([stage.group])
    expect(await pullAll(await stage.openStateless('at_least_once'))).toEqual(['a', 'b'])
  })

  it('state whose topic was deleted is missed, also when the topic is made again', async () => {
    await workHalf()
    await deleteTopic(stage.changelog.topic)
    const withoutTopic = stage.open()
    await expect(withoutTopic).rejects.toMatchObject({ code: 'LOG_POSITION_LOST' })
    await expect(withoutTopic).rejects.toThrow(`topic ${stage.changelog.topic} was deleted`)
    // As the next start of the pipeline does.
    await stage.ensureTopics()
    const withNewTopic = stage.open()
    await expect(withNewTopic).rejects.toMatchObject({ code: 'LOG_POSITION_LOST' })
    await expect(withNewTopic).rejects.toThrow('was deleted and made again')
    // As the message says: it begins again.
    await log.admin.reset({
      topics: [stage.changelog.topic, stage.output.topic],
      groups: [stage.group],
    })
    await stage.ensureTopics()
    const task = await stage.open()
    expect([task.positions, await countOf(task)]).toEqual([[0n], null])
  })

  it('state of a task that reads no topic is missed just the same', async () => {
    const source = { inputs: [] }
    const task = await stage.open(source)
    await task.commit(stage.counting(1))
    await task.close()
    await deleteTopic(stage.changelog.topic)
    await stage.ensureTopics()
    await expect(stage.open(source)).rejects.toMatchObject({ code: 'LOG_POSITION_LOST' })
  })

  it('state whose first records were removed is missed', async () => {
    await workHalf()
    const place = stage.changelog
    // A partition with compaction alone refuses it.
    await client.alterConfigs(place.topic, { 'cleanup.policy': 'delete' })
    await client.deleteRecords([{ ...place, offset: 2n }])
    const opened = stage.open()
    await expect(opened).rejects.toMatchObject({ code: 'LOG_POSITION_LOST' })
    await expect(opened).rejects.toThrow('its `cleanup.policy` has to be compact alone')
  })

  it('a stage that gets state later begins with none, where it stands', async () => {
    await stage.write('a', 'b')
    const before = await stage.openStateless('exactly_once')
    await before.commit({ outputs: [], state: [], next: [{ ...stage.input, offset: 1n }] })
    await before.close()
    const task = await stage.open()
    expect([task.positions, await task.restore()]).toEqual([[1n], []])
    await task.commit(stage.counting(1, 2))
    await task.close()
    expect(await countOf(await stage.open())).toBe('1')
  })

  it('an input that was deleted and made again is told, by tasks that work and by those that begin', async () => {
    await workHalf()
    const task = await stage.open()
    expect(await pullAll(task)).toEqual(['c', 'd'])
    const pulled = task.pull(endless)
    const ended = pulled.then(String, (error: unknown) => error)
    await deleteTopic(stage.input.topic)
    await stage.ensureTopics()
    await stage.write('other')
    expect(await ended).toMatchObject({ code: 'LOG_POSITION_LOST' })
    await task.close()
    const opened = stage.open()
    await expect(opened).rejects.toMatchObject({ code: 'LOG_POSITION_LOST' })
    await expect(opened).rejects.toThrow('was deleted and made again')
  })

  it('an input that is not there any more is told when the task is opened', async () => {
    await workHalf()
    await deleteTopic(stage.input.topic)
    const opened = stage.open()
    await expect(opened).rejects.toMatchObject({ code: 'LOG_POSITION_LOST' })
    await expect(opened).rejects.toThrow('is not there any more')
  })

  it('an input that never was is told as such', async () => {
    const inputs = [{ topic: `${stage.name}-unknown`, partition: 0 }]
    await expect(stage.open({ inputs })).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
  })

  it('state that has no topic yet is none, and cannot be committed', async () => {
    await client.deleteTopics([stage.changelog.topic])
    await expect(stage.open()).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
    // By somebody who only wants to know what is there.
    const task = await stage.open({ inputs: [] })
    expect(await task.restore()).toEqual([])
    await expect(task.commit(stage.counting(1))).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
  })

  it('records that were removed before they were read are missed, and how many', async () => {
    await stage.write('a', 'b', 'c', 'd', 'e')
    const task = await stage.open()
    await task.commit(stage.counting(1, 1))
    await task.close()
    await client.deleteRecords([{ ...stage.input, offset: 4n }])
    const pulled = (await stage.open()).pull(generous)
    await expect(pulled).rejects.toMatchObject({ code: 'LOG_POSITION_LOST' })
    await expect(pulled).rejects.toThrow('3 records were removed before being read')
  })
})
