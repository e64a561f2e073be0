import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import {
  again,
  connectTo,
  createTopic,
  inputOf,
  numbers,
  numbersIn,
  offsetsTo,
  transactionalProducer,
} from './producing-fixture.ts'

type Ending = 'commit' | 'abort' | null

/** How the last holder of the id ended its transaction, and whether the next one finds it kept. */
const endings: readonly (readonly [was: string, ending: Ending, isKept: boolean])[] = [
  ['committed', 'commit', true],
  ['aborted', 'abort', false],
  ['left open', null, false],
]

/**
 * Brokers pass over a partition that has no leader when a transaction ends there. Here they never knew that it
 * had a part in the transaction, which they allow when they are told not to look: it is left open just so.
 */
describeWithKafka('a transaction that brokers have ended in one place only', () => {
  let broker: TestBroker
  let client: KafkaClient

  beforeAll(async () => {
    const properties = { 'transaction.partition.verification.enable': 'false' }
    broker = await startBroker({ own: true, properties })
    client = await connectTo(broker.address)
  })
  afterAll(async () => {
    await client.close()
    await broker.stop()
  })

  async function newTask(id: string): Promise<void> {
    await createTopic(client, id, { partitions: 2 })
    await createTopic(client, inputOf(id).topic)
  }

  /** Writes 1 to 3 to both partitions, and moves the position to 3. */
  async function write(
    id: string,
    { ending, ...other }: Partial<KafkaClient> & { readonly ending: Ending },
  ): Promise<void> {
    const endAsked = Promise.withResolvers<void>()
    const endTransaction: KafkaClient['endTransaction'] = (transaction) => {
      if (ending !== null) return client.endTransaction(transaction, ending)
      endAsked.resolve()
      return new Promise(() => {})
    }
    const sender = transactionalProducer({ ...client, ...other, endTransaction }, id)
    await sender.open()
    const batch = () => numbers(1, 3)
    const committing = sender.commit({
      outputs: [0, 1].map((partition) => ({ topic: id, partition, batch: batch() })),
      offsets: offsetsTo(id, 3),
    })
    // Of one that is left open nothing comes any more.
    await Promise.race([committing, endAsked.promise])
  }

  for (const [was, ending, isKept] of endings) {
    it(`gets the same end everywhere from the next holder of the id (${was})`, async () => {
      const id = `hanging-${was.replace(' ', '-')}`
      await newTask(id)
      await write(id, {
        ending,
        addPartitions: (transaction, partitions) =>
          client.addPartitions(
            transaction,
            partitions.filter(({ partition }) => partition === 0),
          ),
      })
      const [stable] = await client.listOffsets(
        [{ topic: id, partition: 1 }],
        'latest',
        'read_committed',
      )
      expect(stable).toBe(0n)

      const notices: string[] = []
      const next = transactionalProducer(client, id, {
        outputs: [id],
        notice: (message) => void notices.push(message),
      })
      const [found] = await next.open()
      expect(found!.positions[0]!.offset).toBe(isKept ? 3n : null)
      expect(notices).toEqual([expect.stringContaining(`open in "${id}/1", as KAFKA-20734`)])
      // It goes on from there.
      await next.commit({
        outputs: [0, 1].map((partition) => ({ topic: id, partition, batch: numbers(4, 1) })),
        offsets: offsetsTo(id, 4),
      })
      const all = isKept ? [1, 2, 3, 4] : [4]
      expect(await numbersIn(broker.address, id)).toEqual([all, all])
      await next.close()
    })

    it(`gets the same end for its positions (${was})`, async () => {
      const id = `hanging-positions-${was.replace(' ', '-')}`
      await newTask(id)
      await write(id, {
        ending,
        addOffsets: () => Promise.resolve(),
      })
      const next = transactionalProducer(client, id, { outputs: [id] })
      const [found] = await next.open()
      expect(found!.positions[0]!.offset).toBe(isKept ? 3n : null)
      expect(next.counts.hanging).toBe(1)
      const [offset] = await again(() => client.fetchOffsets(id, [inputOf(id)]))
      expect(offset).toBe(isKept ? 3n : null)
      await next.close()
    })
  }

  it('is not looked for where nothing was left', async () => {
    await newTask('nothing-left')
    for (const offset of [1, 2]) {
      const sender = transactionalProducer(client, 'nothing-left', { outputs: ['nothing-left'] })
      await sender.open()
      await sender.commit({
        outputs: [{ topic: 'nothing-left', partition: 1, batch: numbers(offset, 1) }],
        offsets: offsetsTo('nothing-left', offset),
      })
      await sender.close()
      expect(sender.counts).toMatchObject({ commits: 1, hanging: 0 })
    }
    expect((await numbersIn(broker.address, 'nothing-left'))[1]).toEqual([1, 2])
  })
})
