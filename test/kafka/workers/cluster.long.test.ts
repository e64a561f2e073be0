import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { startCluster, type TestCluster } from '../broker/java-cluster.ts'
import { connectTo } from '../producing/producing-fixture.ts'
import { Fleet, uniqueName, untilAtWork, untilComplete, untilTrue } from './fleet.ts'
import { expectedOf, foundIn } from './oracle.ts'
import { Workload } from './workload.ts'

const sessionTimeoutMs = 6_000

describeWithKafka('workers on a cluster of three brokers', () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await startCluster(3)
  }, 120_000)
  afterAll(() => cluster.stop())

  it('go on when one is killed and another restarted, and write each result exactly once', async () => {
    const { address, nodes } = cluster
    const workload = new Workload({ name: uniqueName('cluster'), address, records: 30_000 })
    await workload.createTopic()
    using fleet = new Fleet({ workload, address, sessionTimeoutMs })
    fleet.start()
    fleet.start()
    await workload.produce(10_000)
    await untilAtWork(workload, { address, fleet })
    const client = await connectTo(nodes[2]!.address)
    const before = await leadersOf(client, workload.topic('clean'))
    expect(new Set(before)).toEqual(new Set([1, 2, 3]))
    // It leads a third of all partitions, and coordinates a third of all tasks.
    await nodes[0]!.kill('SIGKILL')
    await workload.produce(10_000)
    const left = () => leadersOf(client, workload.topic('clean'))
    await untilTrue(async () => !(await left()).includes(1), {
      withinMs: 30_000,
      otherwise: () => 'the killed broker still leads partitions',
    })
    await nodes[0]!.restart()
    await workload.produce(5_000)
    await nodes[1]!.restart()
    await workload.produce(5_000)
    const expected = await expectedOf(workload, address)
    await untilComplete(workload, { address, expected, withinMs: 60_000, fleet })
    expect(await foundIn(workload, address)).toEqual(expected.written)
    await client.close()
    expect(fleet.running, fleet.said).toHaveLength(2)
    const { results } = await fleet.stopAll()
    expect(results.map(({ code }) => code)).toEqual([0, 0])
  }, 180_000)
})

/** By partition, the ids of the brokers that lead it. */
async function leadersOf(client: KafkaClient, topic: string): Promise<readonly (number | null)[]> {
  const [found] = await client.describeTopics([topic])
  return found!.leaders
}
