import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KafkaClient, Transaction } from '../../../src/logs/kafka/client/kafka-client.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { connectTo, Scene } from '../client/client-fixture.ts'
import { consumeAll, produceWithJava, type JavaBatch } from '../java/kafka-tool.ts'
import { plainRecords, readPartition } from './fetched-records.ts'

const { address } = sharedBroker

describeWithKafka('records of aborted transactions, of which the broker tells', () => {
  let client: KafkaClient
  beforeAll(async () => {
    client = await connectTo(address)
  })
  afterAll(() => client.close())

  /** With fetches so small that each has one batch, middling ones, and one for all. */
  const sizes = [1, 200, 500, 2 ** 20]

  /** What we see is what Kafka's own consumer sees, wherever the fetches end and begin. */
  async function expectSeen(topic: string, values: readonly string[]): Promise<void> {
    const java = await consumeAll(address, topic, { isolation: 'read_committed' })
    expect(java.map(({ value }) => String(value))).toEqual(values)
    const offsets = java.map(({ offset }) => offset)
    for (const maxBytes of sizes) {
      const { batches, next } = await readPartition(client, topic, { maxBytes })
      expect(plainRecords(batches).map(({ offset }) => offset)).toEqual(offsets)
      for (let offset = 0n; offset < next; offset++) {
        const from = await readPartition(client, topic, { maxBytes, offset })
        expect(plainRecords(from.batches).map((record) => record.offset)).toEqual(
          offsets.filter((each) => each >= offset),
        )
      }
    }
  }

  it('are left out where one producer has aborted several in a row', async () => {
    const { topic } = await Scene.open(client, 'aborted-in-a-row')
    const end = (type: 'commit' | 'abort', ...values: string[]): JavaBatch => ({
      records: values.map((value) => ({ topic, value })),
      end: type,
    })
    await produceWithJava(
      address,
      [
        end('abort', 'a1', 'a2'),
        end('commit', 'b1'),
        end('abort', 'c1'),
        end('abort', 'd1', 'd2', 'd3'),
        end('commit', 'e1', 'e2'),
        end('abort', 'f1'),
      ],
      { 'transactional.id': topic },
    )
    await expectSeen(topic, ['b1', 'e1', 'e2'])
  }, 120_000)

  it('are left out where several producers write at the same time', async () => {
    const scene = await Scene.open(client, 'aborted-mixed')
    const [one, two, three] = [
      await scene.begin('aborted-mixed-1'),
      await scene.begin('aborted-mixed-2'),
      await scene.begin('aborted-mixed-3'),
    ]
    // The next epoch of a producer begins when the markers of its last transaction are written.
    const end = async (transaction: Transaction, outcome: 'commit' | 'abort') => {
      await client.endTransaction(transaction, outcome)
      return scene.begin(transaction.transactionalId)
    }
    await client.addPartitions(one, [scene.at()])
    await client.addPartitions(two, [scene.at()])
    await client.addPartitions(three, [scene.at()])
    await scene.produceIn(one, ['one a'], 0)
    await scene.produceIn(two, ['two b', 'two c'], 0)
    await scene.produce(['nobody d'])
    await scene.produceIn(three, ['three e'], 0)
    const twoAgain = await end(two, 'commit')
    await client.addPartitions(twoAgain, [scene.at()])
    await scene.produceIn(twoAgain, ['two f'], 0)
    const oneAgain = await end(one, 'abort')
    await client.addPartitions(oneAgain, [scene.at()])
    await scene.produceIn(oneAgain, ['one g', 'one h'], 0)
    await scene.produceIn(three, ['three i'], 1)
    await end(twoAgain, 'abort')
    await end(oneAgain, 'commit')
    await end(three, 'abort')
    await expectSeen(scene.topic, ['two b', 'two c', 'nobody d', 'one g', 'one h'])
  }, 120_000)
})
