import { afterAll, beforeAll, expect, it } from 'vitest'
import type { FetchRequest, KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { again, clock, connectTo, failureOf, Scene, until } from './client-fixture.ts'

const maxBytes = 1 << 20

function fetchOf(scene: Scene, choice: Partial<FetchRequest> & { offset?: bigint }): FetchRequest {
  const { offset = 0n, ...rest } = choice
  return {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes,
    isolation: 'read_committed',
    partitions: [{ ...scene.at(), offset, maxBytes }],
    ...rest,
  }
}

describeWithKafka('reading by the client', () => {
  let client: KafkaClient
  const never = new AbortController().signal
  beforeAll(async () => {
    client = await connectTo(sharedBroker.address)
  })
  afterAll(() => client.close())

  it('gets back what was written, with the offsets of the partition', async () => {
    const scene = await Scene.open(client, 'client-read')
    expect(await scene.produce(['a', 'b'])).toBe(0n)
    expect(await scene.produce(['c'])).toBe(2n)
    expect(await scene.values('read_committed')).toEqual(['a', 'b', 'c'])
    const node = await client.leaderOf(scene.at())
    const [fetched] = await client.fetch(node, fetchOf(scene, { offset: 2n }), never)
    expect(fetched).toMatchObject({
      ...scene.at(),
      error: null,
      highWatermark: 3n,
      lastStableOffset: 3n,
      startOffset: 0n,
      aborted: [],
    })
  })

  it('reads many partitions of many topics in one request', async () => {
    const scenes = await Promise.all([
      Scene.open(client, 'client-read-many-a', 3),
      Scene.open(client, 'client-read-many-b', 2),
    ])
    const partitions = scenes.flatMap((scene, i) =>
      Array.from({ length: 3 - i }, (_, partition) => scene.at(partition)),
    )
    for (const { topic, partition } of partitions) {
      const scene = scenes.find((found) => found.topic === topic)!
      await scene.produce([`${topic}/${partition}`], partition)
    }
    const node = await client.leaderOf(partitions[0]!)
    const fetched = await client.fetch(
      node,
      {
        ...fetchOf(scenes[0], { minBytes: 500 }),
        partitions: partitions.map((partition) => ({ ...partition, offset: 0n, maxBytes })),
      },
      never,
    )
    expect(fetched.map(({ topic, partition }) => `${topic}/${partition}`).toSorted()).toEqual(
      partitions.map(({ topic, partition }) => `${topic}/${partition}`).toSorted(),
    )
    for (const { topic, partition, records } of fetched) {
      expect(Buffer.from(records).toString('latin1')).toContain(`${topic}/${partition}`)
    }
    expect(await client.listOffsets(partitions, 'latest', 'read_committed')).toEqual(
      partitions.map(() => 1n),
    )
  })

  it('waits at the broker for the first record, and not longer', async () => {
    const scene = await Scene.open(client, 'client-read-wait')
    const node = await client.leaderOf(scene.at())
    const request = fetchOf(scene, { maxWaitMs: 20_000 })
    const startUs = clock.monotonicUs()
    const fetching = client.fetch(node, request, never)
    await clock.sleep(50)
    await scene.produce(['now'])
    const [fetched] = await fetching
    expect(fetched!.highWatermark).toBe(1n)
    expect(clock.monotonicUs() - startUs).toBeLessThan(5_000_000)
    const [none] = await client.fetch(node, fetchOf(scene, { maxWaitMs: 20, offset: 1n }), never)
    expect(none!.records.length).toBe(0)
  })

  it('ends at once, with nothing, when its signal aborts', async () => {
    const scene = await Scene.open(client, 'client-read-abort')
    const node = await client.leaderOf(scene.at())
    const stopping = new AbortController()
    const startUs = clock.monotonicUs()
    const fetching = client.fetch(node, fetchOf(scene, { maxWaitMs: 10_000 }), stopping.signal)
    await clock.sleep(30)
    stopping.abort()
    expect(await fetching).toEqual([])
    expect(await client.fetch(node, fetchOf(scene, {}), stopping.signal)).toEqual([])
    expect(clock.monotonicUs() - startUs).toBeLessThan(2_000_000)
    // The connection of the aborted fetch is still waiting; another one takes over.
    await scene.produce(['later'])
    const [fetched] = await client.fetch(node, fetchOf(scene, {}), never)
    expect(fetched!.highWatermark).toBe(1n)
  })

  it('never holds up other requests, nor another fetch', async () => {
    const scene = await Scene.open(client, 'client-read-parallel', 2)
    await scene.produce(['there'], 1)
    const node = await client.leaderOf(scene.at())
    const stopping = new AbortController()
    const waiting = [1, 2, 3].map(() =>
      client.fetch(node, fetchOf(scene, { maxWaitMs: 15_000 }), stopping.signal),
    )
    const startUs = clock.monotonicUs()
    const partitions = [{ ...scene.at(1), offset: 0n, maxBytes }]
    const [fetched] = await client.fetch(node, { ...fetchOf(scene, {}), partitions }, never)
    await client.listOffsets([scene.at()], 'latest', 'read_committed')
    await scene.produce(['x'], 1)
    expect(fetched!.highWatermark).toBe(1n)
    expect(clock.monotonicUs() - startUs).toBeLessThan(5_000_000)
    stopping.abort()
    await Promise.all(waiting)
  })

  it('of a position that does not exist says so', async () => {
    const scene = await Scene.open(client, 'client-read-range')
    const node = await client.leaderOf(scene.at())
    const [fetched] = await client.fetch(node, fetchOf(scene, { offset: 99n }), never)
    expect(fetched!.error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', kind: 'fatal' })
    expect(fetched!.error!.message).toContain(`"client-read-range/0" at ${sharedBroker.address}`)
  })

  it('with read_committed ends where an open transaction begins, and names aborted ones', async () => {
    const scene = await Scene.open(client, 'client-read-committed')
    await scene.produce(['before'])
    const first = await scene.begin('client-read-committed')
    await client.addPartitions(first, [scene.at()])
    await scene.produceIn(first, ['open'])
    await scene.produce(['after'])
    const ends = async () => [
      ...(await client.listOffsets([scene.at()], 'latest', 'read_committed')),
      ...(await client.listOffsets([scene.at()], 'latest', 'read_uncommitted')),
    ]
    expect(await ends()).toEqual([1n, 3n])
    expect(await scene.values('read_committed')).toEqual(['before'])
    await client.endTransaction(first, 'abort')
    await until(async () => (await ends())[0] === 4n)
    const node = await client.leaderOf(scene.at())
    const [fetched] = await client.fetch(node, fetchOf(scene, {}), never)
    expect(fetched!.aborted).toEqual([{ producerId: first.producerId, firstOffset: 1n }])
    expect(await scene.values('read_committed')).toEqual(['before', 'after'])
  })

  it('finds offsets by place and by time', async () => {
    const scene = await Scene.open(client, 'client-offsets')
    await scene.produce(['a', 'b', 'c'])
    await client.deleteRecords([{ ...scene.at(), offset: 2n }])
    const at = (place: Parameters<KafkaClient['listOffsets']>[1]) =>
      client.listOffsets([scene.at()], place, 'read_committed')
    expect(await at('earliest')).toEqual([2n])
    expect(await at('latest')).toEqual([3n])
    expect(await at({ timestampMs: 1 })).toEqual([2n])
    expect(await at({ timestampMs: 2 ** 42 })).toEqual([-1n])
    const node = await client.leaderOf(scene.at())
    const [fetched] = await client.fetch(node, fetchOf(scene, {}), never)
    expect(fetched!.error!.code).toBe('OFFSET_OUT_OF_RANGE')
    expect(fetched!.startOffset).toBe(-1n)
  })

  it('of an unknown topic or partition names it', async () => {
    const topic = await failureOf(client.leaderOf({ topic: 'client-nowhere', partition: 0 }))
    expect(topic).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', kind: 'config' })
    expect(topic.message).toContain('"client-nowhere/0": there is no such topic')
    const scene = await Scene.open(client, 'client-few-partitions', 2)
    const partition = await failureOf(client.leaderOf(scene.at(2)))
    expect(partition.message).toContain('the topic has 2 partitions')
    const wrong = { ...fetchOf(scene, {}), partitions: [{ ...scene.at(9), offset: 0n, maxBytes }] }
    const [fetched] = await client.fetch(await client.leaderOf(scene.at()), wrong, never)
    expect(fetched!.error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', kind: 'retriable' })
  })

  it('brings a batch of 10 MB whole', async () => {
    const name = 'client-read-large'
    const config = { 'max.message.bytes': '20000000' }
    await client.createTopics([{ name, partitions: 1, replication: -1, config }], {
      validateOnly: false,
    })
    const scene = new Scene(client, name)
    const value = 'x'.repeat(10_000_000)
    await scene.produce([value])
    const found = await scene.values('read_committed')
    expect(found.length === 1 && found[0] === value).toBe(true)
    const small = await Scene.open(client, 'client-read-too-large')
    const failure = await failureOf(small.produce([value]))
    expect(failure).toMatchObject({ code: 'MESSAGE_TOO_LARGE', kind: 'config' })
    expect(failure.message).toContain('max.message.bytes')
  })

  it('keeps the order of produce requests that are not waited for', async () => {
    const scene = await Scene.open(client, 'client-pipelined')
    const identity = await client.initProducer(null, 60_000)
    const count = 200
    const offsets = await Promise.all(
      Array.from({ length: count }, (_, i) =>
        scene.produceAs({ ...identity, sequence: i }, `value ${i}`),
      ),
    )
    expect(offsets).toEqual(Array.from({ length: count }, (_, i) => BigInt(i)))
  })

  it('reads positions of a group, with null where it has none', async () => {
    const scene = await Scene.open(client, 'client-positions', 3)
    const all = [scene.at(0), scene.at(1), scene.at(2)]
    expect(await again(() => client.fetchOffsets('client-positions', all))).toEqual([
      null,
      null,
      null,
    ])
    const stored = [
      { ...scene.at(2), offset: 2n ** 53n + 1n },
      { ...scene.at(0), offset: 0n },
    ]
    await again(() => client.commitOffsets('client-positions', null, stored))
    expect(await client.fetchOffsets('client-positions', all)).toEqual([0n, null, 2n ** 53n + 1n])
    expect(await client.fetchOffsets('client-positions', [])).toEqual([])
    await client.deleteGroups(['client-positions', 'client-positions-of-nobody'])
    expect(await client.fetchOffsets('client-positions', [scene.at(0)])).toEqual([null])
  })
})
