import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { again, clock, connectTo, failureOf, Scene, until } from './client-fixture.ts'

describeWithKafka('transactions by the client', () => {
  let client: KafkaClient
  beforeAll(async () => {
    client = await connectTo(sharedBroker.address)
  })
  afterAll(() => client.close())

  it('are seen by read_committed readers when they are committed, with their positions', async () => {
    const scene = await Scene.open(client, 'client-txn-commit')
    const transaction = await scene.begin('client-txn-commit')
    await client.addPartitions(transaction, [scene.at()])
    await scene.produceIn(transaction, ['a', 'b'])
    await client.addOffsets(transaction, 'client-txn-commit')
    await again(() =>
      client.commitTransactionOffsets(transaction, 'client-txn-commit', [
        { ...scene.at(), offset: 7n },
      ]),
    )

    expect(await scene.values('read_committed')).toEqual([])
    expect(await scene.values('read_uncommitted')).toEqual(['a', 'b'])
    const unstable = await failureOf(client.fetchOffsets('client-txn-commit', [scene.at()]))
    expect(unstable).toMatchObject({ code: 'UNSTABLE_OFFSET_COMMIT', kind: 'retriable' })

    await client.endTransaction(transaction, 'commit')
    await until(async () => (await scene.values('read_committed')).length === 2)
    const positions = await again(() => client.fetchOffsets('client-txn-commit', [scene.at()]))
    expect(positions).toEqual([7n])
  })

  it('leave no trace for read_committed readers when they are aborted', async () => {
    const scene = await Scene.open(client, 'client-txn-abort')
    const transaction = await scene.begin('client-txn-abort')
    await client.addPartitions(transaction, [scene.at()])
    await scene.produceIn(transaction, ['lost'])
    await client.addOffsets(transaction, 'client-txn-abort')
    await again(() =>
      client.commitTransactionOffsets(transaction, 'client-txn-abort', [
        { ...scene.at(), offset: 7n },
      ]),
    )
    await client.endTransaction(transaction, 'abort')
    const positions = await again(() => client.fetchOffsets('client-txn-abort', [scene.at()]))
    expect(positions).toEqual([null])
    await until(async () => {
      const [end] = await client.listOffsets([scene.at()], 'latest', 'read_committed')
      return end === 2n
    })
    expect(await scene.values('read_committed')).toEqual([])
    expect(await scene.values('read_uncommitted')).toEqual(['lost'])
  })

  it('follow each other without a pause, with CONCURRENT_TRANSACTIONS as a reason to try again', async () => {
    const scene = await Scene.open(client, 'client-txn-consecutive')
    const transaction = await scene.begin('client-txn-consecutive')
    const seen = new Map<string, number>()
    const count = 50
    for (let i = 0; i < count; i++) {
      await again(() => client.addPartitions(transaction, [scene.at()]), seen)
      await scene.produceIn(transaction, [String(i)], i)
      await again(() => client.endTransaction(transaction, 'commit'), seen)
    }
    await until(async () => (await scene.values('read_committed')).length === count)
    expect(await scene.values('read_committed')).toEqual(
      Array.from({ length: count }, (_, i) => `${i}`),
    )
    // The broker completes a transaction after it has answered: with no pause this is seen.
    expect([...seen.keys()]).toEqual(['CONCURRENT_TRANSACTIONS'])
  })

  it('to which nothing was added do not exist for the broker', async () => {
    const scene = await Scene.open(client, 'client-txn-empty')
    for (const outcome of ['commit', 'abort'] as const) {
      const transaction = await scene.begin('client-txn-empty')
      const failure = await failureOf(client.endTransaction(transaction, outcome))
      expect(failure).toMatchObject({ code: 'INVALID_TXN_STATE', kind: 'fatal' })
      expect(failure.message).toContain(`"client-txn-empty" at ${sharedBroker.address}`)
    }
  })

  it('may be ended again with the same outcome, but not with another', async () => {
    const scene = await Scene.open(client, 'client-txn-twice')
    const transaction = await scene.begin('client-txn-twice')
    await client.addPartitions(transaction, [scene.at()])
    await scene.produceIn(transaction, ['once'])
    await client.endTransaction(transaction, 'commit')
    await again(() => client.endTransaction(transaction, 'commit'))
    const failure = await failureOf(again(() => client.endTransaction(transaction, 'abort')))
    expect(failure.code).toBe('INVALID_TXN_STATE')
    await until(async () => (await scene.values('read_committed')).length === 1)
  })

  it('of an older epoch are fenced at every step, and a new epoch decides what was open', async () => {
    const scene = await Scene.open(client, 'client-txn-fenced')
    const old = await scene.begin('client-txn-fenced')
    await client.addPartitions(old, [scene.at()])
    await scene.produceIn(old, ['never committed'])
    await client.addOffsets(old, 'client-txn-fenced')

    const next = await scene.begin('client-txn-fenced')
    expect(next.producerId).toBe(old.producerId)
    expect(next.epoch).toBeGreaterThan(old.epoch)
    const steps: readonly (() => Promise<unknown>)[] = [
      () => client.addPartitions(old, [scene.at()]),
      () => scene.produceIn(old, ['too late'], 1),
      () => client.addOffsets(old, 'client-txn-fenced'),
      () =>
        client.commitTransactionOffsets(old, 'client-txn-fenced', [{ ...scene.at(), offset: 1n }]),
      () => client.endTransaction(old, 'commit'),
    ]
    for (const step of steps) expect((await failureOf(again(step))).kind).toBe('fenced')
    expect(await scene.values('read_committed')).toEqual([])
  })

  it('whose time is up are aborted by the broker, which fences their producer', async () => {
    const scene = await Scene.open(client, 'client-txn-timeout')
    const transaction = await scene.begin('client-txn-timeout', 1_000)
    await client.addPartitions(transaction, [scene.at()])
    await scene.produceIn(transaction, ['late'])
    await until(async () => {
      const [end] = await client.listOffsets([scene.at()], 'latest', 'read_committed')
      return end === 2n
    })
    const failure = await failureOf(client.endTransaction(transaction, 'commit'))
    expect(failure.kind).toBe('fenced')
    expect(await scene.values('read_committed')).toEqual([])
  })

  it('are refused when the broker does not allow their time', async () => {
    const failure = await failureOf(again(() => client.initProducer('client-txn-long', 2 ** 30)))
    expect(failure).toMatchObject({ code: 'INVALID_TRANSACTION_TIMEOUT', kind: 'config' })
    expect(failure.message).toContain('transaction.max.timeout.ms')
  })

  it('of many producers run at the same time without an error', async () => {
    const producers = 12
    const scene = await Scene.open(client, 'client-txn-many', producers)
    const startUs = clock.monotonicUs()
    await Promise.all(
      Array.from({ length: producers }, async (_, partition) => {
        const transaction = await scene.begin(`client-txn-many-${partition}`)
        for (let i = 0; i < 10; i++) {
          await again(() => client.addPartitions(transaction, [scene.at(partition)]))
          await client.addOffsets(transaction, 'client-txn-many')
          await again(() =>
            client.commitTransactionOffsets(transaction, 'client-txn-many', [
              { ...scene.at(partition), offset: BigInt(i + 1) },
            ]),
          )
          await again(() => client.endTransaction(transaction, 'commit'))
        }
      }),
    )
    expect(clock.monotonicUs() - startUs).toBeLessThan(20_000_000)
    const all = Array.from({ length: producers }, (_, partition) => scene.at(partition))
    const positions = await again(() => client.fetchOffsets('client-txn-many', all))
    expect(positions).toEqual(all.map(() => 10n))
  })
})

describeWithKafka('an idempotent producer by the client', () => {
  it('gets an id of its own, and a batch that is sent again is written once', async () => {
    const client = await connectTo(sharedBroker.address)
    const scene = await Scene.open(client, 'client-idempotent')
    const identity = await client.initProducer(null, 60_000)
    const other = await client.initProducer(null, 60_000)
    expect(other.producerId).not.toBe(identity.producerId)

    const write = (sequence: number, value: string) =>
      scene.produceAs({ ...identity, sequence }, value)
    expect(await write(0, 'first')).toBe(0n)
    expect(await write(0, 'first')).toBe(0n)
    expect(await write(1, 'second')).toBe(1n)
    const failure = await failureOf(write(5, 'gap'))
    expect(failure).toMatchObject({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', kind: 'abortable' })
    expect(await scene.values('read_uncommitted')).toEqual(['first', 'second'])
    await client.close()
  })
})
