import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { connectTo, failureOf, Scene } from './client-fixture.ts'

const really = { validateOnly: false }

describeWithKafka('topics by the client', () => {
  let client: KafkaClient
  beforeAll(async () => {
    client = await connectTo(sharedBroker.address)
  })
  afterAll(() => client.close())

  function topicOf(name: string, config: Readonly<Record<string, string>> = {}, partitions = 2) {
    return { name, partitions, replication: -1, config }
  }

  it('are made with their settings, and can be written to at once', async () => {
    const config = { 'cleanup.policy': 'compact', 'retention.ms': '86400000' }
    await client.createTopics([topicOf('client-topic', config), topicOf('client-topic-2')], really)
    const found = await client.describeTopics(['client-topic', 'client-topic-2', 'client-none'])
    expect(found.map(({ name }) => name).toSorted()).toEqual(['client-topic', 'client-topic-2'])
    expect(found[0]).toMatchObject({ leaders: [1, 1], replication: 1 })
    expect(found[0]!.id).toMatch(/^[\w-]{22}$/)
    const all = await client.describeTopics(null)
    expect(all.map(({ name }) => name)).toContain('client-topic-2')
    const configs = await client.describeConfigs(['client-topic', 'client-topic-2'])
    expect(Object.fromEntries(configs.get('client-topic')!)).toMatchObject(config)
    expect(configs.get('client-topic-2')!.has('retention.ms')).toBe(false)
    expect(await new Scene(client, 'client-topic-2').produce(['now'])).toBe(0n)
  })

  it('are only checked with validateOnly', async () => {
    await client.createTopics([topicOf('client-topic-checked')], { validateOnly: true })
    expect(await client.describeTopics(['client-topic-checked'])).toEqual([])
    const bad = [topicOf('client-topic-checked', { 'retention.ms': 'long' })]
    const failure = await failureOf(client.createTopics(bad, { validateOnly: true }))
    expect(failure).toMatchObject({ code: 'INVALID_CONFIG', kind: 'config' })
    expect(failure.message).toContain('creating the topic "client-topic-checked"')
    expect(failure.message).toContain('retention.ms')
  })

  it('that cannot be made are refused with the reason', async () => {
    const refused = async (name: string, choice: object) => {
      const topic = { ...topicOf(name), ...choice }
      const { code, kind } = await failureOf(client.createTopics([topic], really))
      expect(kind).toBe('config')
      return code
    }
    await client.createTopics([topicOf('client-topic-there')], really)
    expect(await refused('client-topic-there', {})).toBe('TOPIC_ALREADY_EXISTS')
    expect(await refused('client-topic-wide', { replication: 3 })).toBe(
      'INVALID_REPLICATION_FACTOR',
    )
    expect(await refused('client topic', {})).toBe('INVALID_TOPIC_EXCEPTION')
    expect(await refused('client-topic-none', { partitions: 0 })).toBe('INVALID_PARTITIONS')
  })

  it('keep their other settings when one is changed', async () => {
    const config = { 'cleanup.policy': 'compact', 'retention.ms': '1000' }
    await client.createTopics([topicOf('client-topic-changed', config)], really)
    await client.alterConfigs('client-topic-changed', { 'retention.ms': '2000' })
    const configs = await client.describeConfigs(['client-topic-changed'])
    const settings = Object.fromEntries(configs.get('client-topic-changed')!)
    expect(settings).toMatchObject({ ...config, 'retention.ms': '2000' })
    const refused: readonly (() => Promise<unknown>)[] = [
      () => client.alterConfigs('client-topic-changed', { 'no.such.setting': '1' }),
      () => client.alterConfigs('client-topic-nowhere', { 'retention.ms': '1' }),
      () => client.describeConfigs(['client-topic-nowhere']),
      () => client.createPartitions('client-topic-nowhere', 5),
    ]
    for (const attempt of refused) expect((await failureOf(attempt())).kind).toBe('config')
  })

  it('get more partitions, but never fewer', async () => {
    const scene = await Scene.open(client, 'client-topic-grown', 1)
    await scene.produce(['before'])
    await client.createPartitions('client-topic-grown', 4)
    expect((await client.describeTopics(['client-topic-grown']))[0]!.leaders).toHaveLength(4)
    expect(await scene.produce(['after'], 3)).toBe(0n)
    const failure = await failureOf(client.createPartitions('client-topic-grown', 2))
    expect(failure).toMatchObject({ code: 'INVALID_PARTITIONS', kind: 'config' })
  })

  it('that are deleted and made again have another id and begin at 0', async () => {
    const scene = await Scene.open(client, 'client-topic-again')
    await scene.produce(['old', 'old'])
    const [before] = await client.describeTopics([scene.topic])
    await client.deleteTopics([scene.topic, 'client-topic-never'])
    expect(await client.describeTopics([scene.topic])).toEqual([])
    expect((await failureOf(client.leaderOf(scene.at()))).kind).toBe('config')
    const again = await Scene.open(client, scene.topic)
    const [after] = await client.describeTopics([scene.topic])
    expect(after!.id).not.toBe(before!.id)
    expect(await again.produce(['new'])).toBe(0n)
  })

  it('that are deleted do not disturb the others', async () => {
    const gone = await Scene.open(client, 'client-topic-gone')
    const kept = await Scene.open(client, 'client-topic-kept')
    await gone.produce(['a'])
    await kept.produce(['a'])
    const other = await connectTo(sharedBroker.address)
    await other.deleteTopics([gone.topic])
    await other.close()
    expect((await failureOf(gone.produce(['b']))).code).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(await kept.produce(['b'])).toBe(1n)
  })

  it('lose the records before an offset when it is asked for', async () => {
    const scene = await Scene.open(client, 'client-topic-emptied')
    await scene.produce(['a', 'b', 'c'])
    await client.deleteRecords([{ ...scene.at(), offset: 2n }])
    expect(await client.listOffsets([scene.at()], 'earliest', 'read_committed')).toEqual([2n])
    const beyond = await failureOf(client.deleteRecords([{ ...scene.at(), offset: 9n }]))
    expect(beyond.code).toBe('OFFSET_OUT_OF_RANGE')
  })
})
