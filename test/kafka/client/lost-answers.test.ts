import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import type { FaultProxy } from '../proxy/fault-proxy.ts'
import { startBehindProxy } from '../proxy/start-behind-proxy.ts'
import type { ApiName } from '../../../src/logs/kafka/client/api-keys.ts'
import { again, clock, connectTo, failureOf, Scene, until } from './client-fixture.ts'

const requestTimeoutMs = 1_500

describeWithKafka('a client that loses answers', () => {
  let broker: TestBroker
  let proxy: FaultProxy
  let client: KafkaClient

  beforeAll(async () => {
    ;({ broker, proxy } = await startBehindProxy({ own: true }))
    client = await connectTo(proxy.address, { requestTimeoutMs })
    // The coordinators' topics are made by the first use.
    const first = await again(() => client.initProducer('warm-up', 1_000))
    const transaction = { ...first, transactionalId: 'warm-up' }
    await again(() => client.addOffsets(transaction, 'warm-up'))
    await again(() => client.endTransaction(transaction, 'abort'))
    await again(() => client.fetchOffsets('warm-up', [{ topic: 'none', partition: 0 }]))
  })
  beforeEach(() => {
    proxy.restore()
    proxy.accept()
  })
  afterAll(async () => {
    await client.close()
    await broker.stop()
    await proxy.stop()
  })

  it('cannot know whether a record was written', async () => {
    const scene = await Scene.open(client, 'lost-produce')
    for (const action of ['drop_response', 'drop_request', 'cut_inside_response'] as const) {
      proxy.inject({ api: 'Produce', action })
      const failure = await failureOf(scene.produce([action]))
      expect(failure).toMatchObject({ code: 'CONNECTION', kind: 'indefinite' })
      expect(failure.message).toContain(`Produce at ${proxy.address}`)
    }
    // What the broker did is another matter each time; and the client works on.
    expect(await scene.values('read_committed')).toEqual(['drop_response', 'cut_inside_response'])
  })

  it('cannot know whether a step of a transaction was done', async () => {
    const scene = await Scene.open(client, 'lost-transaction')
    const steps: readonly (readonly [ApiName, () => Promise<unknown>])[] = [
      ['InitProducerId', () => client.initProducer('lost-transaction', 30_000)],
      ['AddPartitionsToTxn', () => client.addPartitions(transaction, [scene.at()])],
      ['AddOffsetsToTxn', () => client.addOffsets(transaction, 'lost-transaction')],
      [
        'TxnOffsetCommit',
        () =>
          client.commitTransactionOffsets(transaction, 'lost-transaction', [
            { ...scene.at(), offset: 1n },
          ]),
      ],
      ['EndTxn', () => client.endTransaction(transaction, 'commit')],
    ]
    let transaction = await scene.begin('lost-transaction')
    for (const [api, step] of steps) {
      proxy.inject({ api, action: 'drop_response' })
      expect(await failureOf(again(step))).toMatchObject({
        code: 'CONNECTION',
        kind: 'indefinite',
      })
      if (api === 'InitProducerId') transaction = await scene.begin('lost-transaction')
      else if (api !== 'EndTxn') await again(step)
    }
    // The broker had done it all: a new producer finds the position.
    await scene.begin('lost-transaction')
    const found = await again(() => client.fetchOffsets('lost-transaction', [scene.at()]))
    expect(found).toEqual([1n])
  })

  it('may read again, and beat again', async () => {
    const scene = await Scene.open(client, 'lost-reads')
    const node = await client.leaderOf(scene.at())
    const member = { group: 'lost-reads', generation: 1, memberId: 'nobody', instanceId: null }
    const fetch = () =>
      client.fetch(
        node,
        {
          maxWaitMs: 10,
          minBytes: 1,
          maxBytes: 1000,
          isolation: 'read_committed',
          partitions: [{ ...scene.at(), offset: 0n, maxBytes: 1000 }],
        },
        new AbortController().signal,
      )
    const steps: readonly (readonly [ApiName, () => Promise<unknown>])[] = [
      ['Fetch', fetch],
      ['ListOffsets', () => client.listOffsets([scene.at()], 'latest', 'read_committed')],
      ['OffsetFetch', () => client.fetchOffsets('lost-reads', [scene.at()])],
      [
        'OffsetCommit',
        () => client.commitOffsets('lost-reads', null, [{ ...scene.at(), offset: 1n }]),
      ],
      ['Heartbeat', () => client.heartbeat(member)],
    ]
    for (const [api, step] of steps) {
      proxy.inject({ api, action: 'drop_response' })
      const failure = await failureOf(step())
      expect([api, failure.code, failure.kind]).toEqual([api, 'CONNECTION', 'retriable'])
    }
    expect(await client.listOffsets([scene.at()], 'latest', 'read_committed')).toEqual([0n])
  })

  it('cannot know whether it has joined', async () => {
    proxy.inject({ api: 'JoinGroup', action: 'drop_response' })
    const failure = await failureOf(
      client.joinGroup({
        group: 'lost-join',
        memberId: '',
        instanceId: 'lost',
        sessionTimeoutMs: 2_000,
        rebalanceTimeoutMs: 2_000,
        protocol: 'tests',
        metadata: new Uint8Array(0),
      }),
    )
    expect(failure).toMatchObject({ code: 'CONNECTION', kind: 'indefinite' })
  })

  it('gives up on a broker that does not answer in time, with all that waits on the connection', async () => {
    const scene = await Scene.open(client, 'lost-time')
    await scene.produce(['before'])
    proxy.blackhole()
    const startUs = clock.monotonicUs()
    const failures = await Promise.all([
      failureOf(scene.produce(['a'])),
      failureOf(scene.produce(['b'])),
      failureOf(client.listOffsets([scene.at()], 'latest', 'read_committed')),
    ])
    const tookMs = (clock.monotonicUs() - startUs) / 1_000
    // `produce` waits for the broker's own time-out as well.
    expect(failures[0]).toMatchObject({ code: 'TIMEOUT', kind: 'indefinite' })
    expect(failures[0].message).toContain('no answer within 2500 ms')
    expect(failures[1].kind).toBe('indefinite')
    expect(failures[2]).toMatchObject({ code: 'TIMEOUT', kind: 'retriable' })
    expect(tookMs).toBeGreaterThan(2_400)
    expect(tookMs).toBeLessThan(4_000)
    proxy.restore()
    await again(() => client.listOffsets([scene.at()], 'latest', 'read_committed'))
    await until(async () => (await scene.values('read_committed')).length === 3)
  })

  it('connects again when all connections were cut', async () => {
    const scene = await Scene.open(client, 'lost-connections')
    await scene.produce(['a'])
    expect(proxy.cut()).toBeGreaterThan(0)
    await clock.sleep(50)
    expect(await again(() => scene.produce(['b']))).toBe(1n)
  })

  it('knows that nothing was sent when there is no connection, and names the address', async () => {
    const scene = await Scene.open(client, 'lost-address')
    await scene.produce(['a'])
    proxy.refuse()
    await clock.sleep(50)
    const startUs = clock.monotonicUs()
    for (let i = 0; i < 5; i++) {
      const failure = await failureOf(scene.produce(['never']))
      expect(failure.kind).toBe('retriable')
      expect(failure.message).toContain(proxy.address)
    }
    // Whoever tries again at once is slowed down.
    expect(clock.monotonicUs() - startUs).toBeGreaterThan(200_000)
    proxy.accept()
    expect(await again(() => scene.produce(['b']))).toBe(1n)
  })

  it('puts answers together that come byte by byte', async () => {
    const scene = await Scene.open(client, 'lost-slices')
    await scene.produce(['abc', 'def'])
    proxy.inject({ api: 'Fetch', action: 'slice_response' })
    proxy.inject({ api: 'Metadata', action: 'slice_response' })
    client.forgetLeaders([scene.topic])
    expect(await scene.values('read_committed')).toEqual(['abc', 'def'])
  })

  it('looks the coordinator up again when it has moved', async () => {
    const scene = await Scene.open(client, 'lost-coordinator')
    const transaction = await scene.begin('lost-coordinator')
    const asked = proxy.requests('FindCoordinator')
    await client.addOffsets(transaction, 'lost-coordinator')
    expect(proxy.requests('FindCoordinator')).toBe(asked)
    const notCoordinator = Buffer.from([0, 0, 0, 0, 0, 16])
    proxy.inject({ api: 'EndTxn', action: { answer: () => notCoordinator } })
    const failure = await failureOf(client.endTransaction(transaction, 'commit'))
    expect(failure).toMatchObject({ code: 'NOT_COORDINATOR', kind: 'retriable' })
    await client.endTransaction(transaction, 'commit')
    expect(proxy.requests('FindCoordinator')).toBe(asked + 1)
  })

  it('takes an answer that is not of the protocol for one that was lost', async () => {
    const scene = await Scene.open(client, 'lost-nonsense')
    await scene.produce(['a'])
    const nonsense = Buffer.from([0x7f, 0xff, 0xff, 0xff, 1, 2, 3])
    proxy.inject({ api: 'Produce', action: { answer: () => nonsense } })
    const failure = await failureOf(scene.produce(['b']))
    expect(failure).toMatchObject({ code: 'BAD_ANSWER', kind: 'indefinite' })
    proxy.inject({ api: 'ListOffsets', action: { answer: () => nonsense } })
    const read = client.listOffsets([scene.at()], 'latest', 'read_committed')
    expect(await failureOf(read)).toMatchObject({ code: 'BAD_ANSWER', kind: 'fatal' })
    expect(await scene.produce(['c'])).toBe(1n)
  })
})
