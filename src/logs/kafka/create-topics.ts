import type { Clock } from '../../core/clock.ts'
import { PipelineError } from '../../core/errors.ts'
import type { TopicSpec } from '../../core/log.ts'
import { assertSamePartitions } from '../log-rules.ts'
import type { KafkaClient, TopicMetadata } from './client/kafka-client.ts'
import { KafkaError } from './client/kafka-error.ts'
import { mayPass } from './patiently.ts'
import { kafkaConfig } from './topic-settings.ts'

const waitMs = 50
/** For a topic that another worker is just making, or that is still being deleted. */
const patienceMs = 30_000

/**
 * Creates those of the topics that do not exist; where all do, no right to create any is needed.
 * @throws PipelineError CONFIG_INCOMPATIBLE when one exists with another number of partitions; KafkaError
 */
export async function createMissingTopics(
  client: KafkaClient,
  clock: Clock,
  topics: readonly TopicSpec[],
): Promise<void> {
  const untilUs = clock.monotonicUs() + patienceMs * 1_000
  const isLate = () => clock.monotonicUs() > untilUs
  for (;;) {
    try {
      const missing = await missingOf(client, topics)
      if (missing.length === 0) return
      if (isLate()) throw notShown(missing)
      await client.createTopics(missing.map(newTopic), { validateOnly: false })
    } catch (error) {
      // Another worker may be at it, or a broker has just started.
      const isPassing = isCode(error, 'TOPIC_ALREADY_EXISTS') || (mayPass(error) && !isLate())
      if (!isPassing) throw error
    }
    await clock.sleep(waitMs)
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof KafkaError && error.code === code
}

function notShown(missing: readonly TopicSpec[]): PipelineError {
  return new PipelineError(
    'LOG_IO',
    `the topics ${missing.map(({ name }) => name).join(', ')} were created, and Kafka does not show them`,
  )
}

/** Returns once none of the topics exists any more. */
export async function deleteTopicsForGood(
  client: KafkaClient,
  clock: Clock,
  names: readonly string[],
): Promise<void> {
  if (names.length === 0) return
  await client.deleteTopics(names)
  const untilUs = clock.monotonicUs() + patienceMs * 1_000
  while ((await client.describeTopics(names)).length > 0 && clock.monotonicUs() < untilUs)
    await clock.sleep(waitMs)
}

async function missingOf(
  client: KafkaClient,
  topics: readonly TopicSpec[],
): Promise<readonly TopicSpec[]> {
  if (topics.length === 0) return []
  const found = new Map<string, TopicMetadata>()
  for (const topic of await client.describeTopics(topics.map(({ name }) => name)))
    found.set(topic.name, topic)
  return topics.filter((topic) => {
    const existing = found.get(topic.name)
    if (existing !== undefined) assertSamePartitions(topic, existing.leaders.length)
    return existing === undefined
  })
}

function newTopic({ name, partitions, replication = -1, retentionMs, cleanup }: TopicSpec) {
  const config = kafkaConfig({ retentionMs, ...(cleanup === undefined ? {} : { cleanup }) })
  return { name, partitions, replication, config }
}
