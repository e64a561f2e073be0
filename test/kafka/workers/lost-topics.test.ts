import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { createTopicWithJava, produceWithJava } from '../java/kafka-tool.ts'
import { connectTo } from '../producing/producing-fixture.ts'
import { countOf, Fleet, uniqueName, untilTrue } from './fleet.ts'

const { address } = sharedBroker
const records = 10

describeWithKafka('a pipeline of whose topics something was lost', () => {
  let client: KafkaClient

  beforeAll(async () => {
    client = await connectTo(address)
  })
  afterAll(() => client.close())

  async function recreate(topic: string): Promise<void> {
    await client.deleteTopics([topic])
    await untilTrue(async () => (await client.describeTopics([topic])).length === 0, {
      withinMs: 10_000,
      otherwise: () => `${topic} is still there`,
    })
    await createTopicWithJava(address, { name: topic, partitions: 1 })
  }

  const losses: readonly (readonly [string, (name: string) => Promise<void>, RegExp])[] = [
    ['its input was made again', (name) => recreate(`${name}.in`), /was deleted and made again/],
    [
      'its state was deleted',
      (name) => client.deleteTopics([`${name}.unique.changelog`]),
      /the state of \S+ is lost: topic \S+\.changelog was deleted/,
    ],
    [
      'records were removed before they were read',
      async (name) => {
        await write(name, records)
        await client.deleteRecords([
          { topic: `${name}.in`, partition: 0, offset: BigInt(2 * records - 3) },
        ])
      },
      new RegExp(`${records - 3} records were removed before being read`),
    ],
  ]

  it.each(losses)(
    'is not begun from empty, and skips nothing by itself: %s',
    async (_, lose, message) => {
      const name = uniqueName('lost')
      await createTopicWithJava(address, { name: `${name}.in`, partitions: 1 })
      await write(name)
      using fleet = new Fleet({
        workload: { name, file: fileOf(name) },
        address,
        sessionTimeoutMs: 6_000,
      })
      fleet.start()
      await untilTrue(async () => (await countOf(address, `${name}.out`)) === records, {
        withinMs: 30_000,
        otherwise: () => fleet.said,
      })
      await fleet.stopAll()
      await lose(name)
      const { code, stderr } = await fleet.start().ended
      expect(code).toBe(1)
      expect(stderr).toMatch(message)
      expect(stderr).toContain('LOG_POSITION_LOST')
      expect(stderr).toContain('--fresh')
      expect(await countOf(address, `${name}.out`)).toBe(records)
    },
    60_000,
  )
})

/** Records `from` on, none of which was there before. */
async function write(name: string, from = 0): Promise<void> {
  const input = Array.from({ length: records }, (_, index) => {
    return { topic: `${name}.in`, key: 'k', value: `{"n":${from + index}}` }
  })
  await produceWithJava(address, [{ records: input }])
}

function fileOf(name: string): string {
  return `
pipeline: ${name}
topics:
  ${name}.out:
    partitions: 1
stages:
  - name: unique
    from: ${name}.in
    steps:
      - dedupe:
          by: value.n
    to: ${name}.out
`
}
