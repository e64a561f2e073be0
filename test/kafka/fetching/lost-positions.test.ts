import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { createTopic, range } from '../producing/producing-fixture.ts'
import { errorOf, FetchingScene, read } from './fetching-scene.ts'

describeWithKafka('the fetcher, where records are gone', () => {
  let scene: FetchingScene

  beforeAll(async () => {
    scene = await FetchingScene.start()
  })
  afterEach(() => scene.closeFetchers())
  afterAll(() => scene.stop())

  it('says how many records were removed before they were read', async () => {
    const topic = await createTopic(scene.client, 'removed')
    await scene.write(topic, [
      [0, 10],
      [10, 10],
    ])
    await scene.client.deleteRecords([{ topic, partition: 0, offset: 12n }])
    const reader = scene.readerOf(topic, { offset: 4n })
    const error = await errorOf(reader)
    expect(error.code).toBe('LOG_POSITION_LOST')
    expect(error.message).toContain('topic removed, partition 0')
    expect(error.message).toContain('stands at offset 4')
    expect(error.message).toContain('8 records were removed')
    reader.seek(12n)
    expect(await read(reader, 8)).toEqual(range(12, 8))
  })

  it('refuses a position behind the end', async () => {
    const topic = await createTopic(scene.client, 'behind')
    await scene.write(topic, [[0, 10]])
    const error = await errorOf(scene.readerOf(topic, { offset: 25n }))
    expect(error.code).toBe('LOG_POSITION_LOST')
    expect(error.message).toContain('ends at offset 10')
  })

  it('refuses a topic that was made anew since its position was stored', async () => {
    const topic = await createTopic(scene.client, 'anew')
    await scene.write(topic, [[0, 10]])
    const [before] = await scene.client.describeTopics([topic])
    await scene.client.deleteTopics([topic])
    await createTopic(scene.client, topic)
    await scene.write(topic, [[0, 30]])
    const error = await errorOf(scene.readerOf(topic, { offset: 10n, topicId: before!.id }))
    expect(error.code).toBe('LOG_POSITION_LOST')
    expect(error.message).toContain('deleted and made again')
  })

  it('stops when its topic is made anew while it reads, before it reads the new one', async () => {
    const topic = await createTopic(scene.client, 'anew-reading')
    await scene.write(topic, [[0, 10]])
    const reader = scene.readerOf(topic)
    expect(await read(reader, 10)).toEqual(range(0, 10))
    await scene.client.deleteTopics([topic])
    await createTopic(scene.client, topic)
    await scene.write(topic, [[100, 30]])
    expect((await errorOf(reader)).message).toContain('deleted and made again')
  })

  it('stops when its topic is deleted', async () => {
    const topic = await createTopic(scene.client, 'deleted')
    const reader = scene.readerOf(topic)
    await scene.write(topic, [[0, 1]])
    await read(reader, 1)
    await scene.client.deleteTopics([topic])
    const error = await errorOf(reader)
    expect(error.code).toBe('LOG_POSITION_LOST')
    expect(error.message).toContain('not there any more')
  })

  it('refuses a partition that its topic does not have', async () => {
    const topic = await createTopic(scene.client, 'two', { partitions: 2 })
    const error = await errorOf(scene.readerOf(topic, { partition: 2 }))
    expect(error.message).toContain('has 2 partitions')
  })
})
