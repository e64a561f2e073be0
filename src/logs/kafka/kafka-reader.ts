import { PipelineError } from '../../core/errors.ts'
import type {
  LogReader,
  OffsetRange,
  SliceBatch,
  TopicDescription,
  TopicPartition,
} from '../../core/log.ts'
import { noSuchTopic } from '../log-rules.ts'
import type { TopicMetadata } from './client/kafka-client.ts'
import { KafkaError } from './client/kafka-error.ts'
import type { PartitionReader } from './fetching/partition-reader.ts'
import type { KafkaContext } from './kafka-context.ts'
import { retentionOf } from './topic-settings.ts'
import { translated } from './pipeline-error.ts'
import { untilDoneOr } from './until-done-or.ts'

const bufferBytes = 16 * 1024 * 1024
/** For records whose transaction is over, but not yet marked so; those of an open one are left out. */
const patienceMs = 1_000
/** Topics of the brokers themselves. */
const isInternal = (name: string) => name.startsWith('__')

/** Looks into topics without any part in their groups. */
export class KafkaReader implements LogReader {
  readonly #context: KafkaContext

  constructor(context: KafkaContext) {
    this.#context = context
  }

  topics(): Promise<readonly TopicDescription[]> {
    const { client } = this.#context
    return translated('listing the topics', async () => {
      const found = (await client.describeTopics(null)).filter(({ name }) => !isInternal(name))
      const configs = await client.describeConfigs(found.map(({ name }) => name))
      const topics = found.map(async (topic) => {
        const ranges = await unlessDeleted(this.#ranges(topic))
        if (ranges === null) return []
        const { name, leaders } = topic
        const retentionMs = retentionOf(configs.get(name))
        return [{ name, partitions: leaders.length, retentionMs, ranges }]
      })
      return (await Promise.all(topics)).flat()
    })
  }

  ranges(topic: string): Promise<readonly OffsetRange[]> {
    return translated(`reading topic ${topic}`, async () => {
      const [described] = await this.#context.client.describeTopics([topic])
      if (described === undefined) throw noSuchTopic(topic)
      return this.#ranges(described)
    })
  }

  read(
    { topic, partition, offset }: TopicPartition & { readonly offset: bigint },
    maxBytes: number,
  ): Promise<readonly SliceBatch[]> {
    const { client, scanner } = this.#context
    return translated(`reading topic ${topic}`, async () => {
      const place = { topic, partition }
      const [described] = await client.describeTopics([topic])
      if (described === undefined || partition >= described.leaders.length) {
        throw new PipelineError(
          'CONFIG_USAGE',
          `there is no topic ${topic} with a partition ${partition}`,
        )
      }
      const [start = 0n] = await client.listOffsets([place], 'earliest', 'read_committed')
      const [end = 0n] = await client.listOffsets([place], 'latest', 'read_uncommitted')
      const from = offset < start ? start : offset
      if (from >= end) return []
      const reader = scanner.open({ ...place, offset: from, bufferBytes, topicId: null })
      try {
        // What comes first may be nothing but markers and aborted records.
        while (reader.position < end && !reader.isReady && (await this.#hasMoved(reader)));
        return reader.take(Infinity, maxBytes)
      } finally {
        reader.close()
      }
    })
  }

  /** Whether something has come in time. */
  async #hasMoved(reader: PartitionReader): Promise<boolean> {
    const { position } = reader
    const waiting = new AbortController()
    await untilDoneOr(this.#context.clock, patienceMs, reader.whenPast(position, waiting.signal))
    waiting.abort()
    return reader.isReady || reader.position > position
  }

  /** Nothing to do: the connections are the log's. */
  async close(): Promise<void> {}

  async #ranges({ name, leaders }: TopicMetadata): Promise<readonly OffsetRange[]> {
    const { client } = this.#context
    const places = leaders.map((_, partition) => ({ topic: name, partition }))
    const starts = await client.listOffsets(places, 'earliest', 'read_committed')
    const ends = await client.listOffsets(places, 'latest', 'read_committed')
    return places.map((_, partition) => ({ start: starts[partition]!, end: ends[partition]! }))
  }
}

/** null: the topic was there when all were listed, and is no more. */
async function unlessDeleted<Result>(asked: Promise<Result>): Promise<Result | null> {
  try {
    return await asked
  } catch (thrown) {
    if (thrown instanceof KafkaError && thrown.code === 'UNKNOWN_TOPIC_OR_PARTITION') return null
    throw thrown
  }
}
