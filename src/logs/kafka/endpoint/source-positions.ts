import { PipelineError } from '../../../core/errors.ts'
import { isJsonObject, type JsonValue } from '../../../core/json.ts'
import type { TopicPartition } from '../../../core/log.ts'
import type { PartitionOffset } from '../client/kafka-client.ts'

/** Where a source stands in a partition. */
export interface SourcePosition {
  readonly offset: bigint
  /** The id of the topic that the offset is one of; null where its broker has told none. */
  readonly topicId: string | null
}

/** The name of a partition in the stored positions: no topic has a slash in its name. */
export function splitOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

/** Text, since JSON numbers end at 2^53. */
export function storedPosition({ offset, topicId }: SourcePosition): JsonValue {
  return { offset: String(offset), topic_id: topicId }
}

/** @throws PipelineError LOG_CORRUPT */
export function readPosition(split: string, stored: JsonValue): SourcePosition {
  if (isJsonObject(stored)) {
    const { offset, topic_id: topicId = null } = stored
    const isOffset = typeof offset === 'string' && /^\d{1,19}$/.test(offset)
    if (isOffset && (topicId === null || typeof topicId === 'string')) {
      return { offset: BigInt(offset), topicId }
    }
  }
  throw new PipelineError(
    'LOG_CORRUPT',
    `the stored position of the source in ${split} cannot be read; run with --fresh to begin again`,
  )
}

export function partitionOffset(split: string, stored: JsonValue): PartitionOffset {
  const slash = split.lastIndexOf('/')
  const { offset } = readPosition(split, stored)
  return { topic: split.slice(0, slash), partition: Number(split.slice(slash + 1)), offset }
}

/** Whether a run has read the topic before: partitions of it without a position are new. */
export function isKnownTopic(topic: string, positions: ReadonlyMap<string, JsonValue>): boolean {
  for (const split of positions.keys()) if (split.startsWith(`${topic}/`)) return true
  return false
}
