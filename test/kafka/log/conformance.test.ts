import { afterAll, beforeAll } from 'vitest'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import type { LogCapabilities, LogUnderTest } from '../../conformance/log-fixture.ts'
import { logConformance, recordConformance } from '../../conformance/log-conformance.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { connectTo } from '../client/client-fixture.ts'
import { freshName, openLog, settle } from './kafka-log-fixture.ts'
import { PrefixedLog } from './prefixed-log.ts'

/** For a record of 10 MB. */
const maxBatchBytes = 12 * 1024 * 1024

const capabilities: LogCapabilities = {
  noticesReset: true,
  growsTopics: true,
  compactsTopics: true,
  // Brokers have their own time.
  virtualTime: false,
  // A transaction leaves a marker in each partition that it has written to.
  exactOffsets: false,
  // Records are encoded for the wire where they are: nobody else needs the bytes.
  takesBatches: false,
  // Brokers do not say when a transaction became visible.
  tellsVisibleTimes: false,
  // What the brokers send first is given first, also when other inputs have as much. `TakeInTurn` has its own test.
  pullsAll: false,
  // Brokers remove old records whoever has read them; LOG_POSITION_LOST tells of those that were not.
  retains: false,
  // A cluster has other users: their settings change by `millrace topics apply` only, which says what it does.
  ensuresRetention: false,
  // Topics can be deleted behind our back: state that was made of one is not mixed with another one.
  forgetsPositionsWithTopics: false,
}

describeWithKafka('the Kafka log', () => {
  let client: KafkaClient
  beforeAll(async () => {
    client = await connectTo(sharedBroker.address)
  })
  afterAll(() => client.close())

  const logUnderTest =
    (delivery: 'at_least_once' | 'exactly_once') => async (): Promise<LogUnderTest> => {
      const prefix = `${freshName('conformance')}.`
      const allowLarge = async (topics: readonly string[]) => {
        const config = { 'max.message.bytes': `${maxBatchBytes}` }
        await Promise.all(topics.map((topic) => client.alterConfigs(topic, config)))
      }
      return {
        open: async () =>
          new PrefixedLog(await openLog(sharedBroker.address), {
            prefix,
            delivery,
            made: allowLarge,
            settle: () => settle(client, prefix),
          }),
        settle: () => settle(client, prefix),
        retain: () => Promise.reject(new Error('brokers do that')),
        dispose: async () => {
          const topics = (await client.describeTopics(null)).map(({ name }) => name)
          await client.deleteTopics(topics.filter((name) => name.startsWith(prefix)))
        },
      }
    }

  logConformance('exactly once', logUnderTest('exactly_once'), capabilities)
  recordConformance('at least once', logUnderTest('at_least_once'), {
    ...capabilities,
    exactOffsets: true,
  })
})
