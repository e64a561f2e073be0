import type { Clock } from '../../../core/clock.ts'
import type { ConnectionName } from '../../../core/connection-name.ts'
import { PipelineError } from '../../../core/errors.ts'
import type { KafkaClient, TopicMetadata } from '../client/kafka-client.ts'
import { unlessAborted } from '../../../core/unless-aborted.ts'
import { shownConnection } from './endpoint-context.ts'

/** How long a topic may be missing: a broker that has just started does not know all. */
const missingTopicMs = 2_000
const askAgainMs = 250

export interface TopicsWanted {
  readonly connection: ConnectionName<'kafka'>
  readonly topics: readonly string[]
  /** The setting that names them. */
  readonly setting: string
}

/**
 * The topics in the order of their names here; null when the signal has aborted.
 * @throws KafkaError; PipelineError LOG_REFUSED for those that are not there.
 */
export async function findTopics(
  { client, clock }: { readonly client: KafkaClient; readonly clock: Clock },
  { connection, topics, setting }: TopicsWanted,
  signal: AbortSignal,
): Promise<readonly TopicMetadata[] | null> {
  const endUs = clock.monotonicUs() + 1_000 * missingTopicMs
  for (;;) {
    const described = await unlessAborted(client.describeTopics(topics), signal)
    if (described === null) return null
    const byName = new Map(described.map((topic) => [topic.name, topic]))
    const missing = topics.filter((name) => !byName.has(name))
    if (missing.length === 0) return topics.map((name) => byName.get(name)!)
    if (clock.monotonicUs() >= endUs) {
      const names = missing.map((name) => `"${name}"`).join(', ')
      throw new PipelineError(
        'LOG_REFUSED',
        `${shownConnection(connection)} has no topic ${names}: correct \`${setting}\`, or create it there`,
      )
    }
    await clock.sleep(askAgainMs, signal)
    if (signal.aborted) return null
  }
}
