import type { JsonValue } from '../../../core/json.ts'
import type { TopicPartition } from '../../../core/log.ts'
import type { KafkaClient } from '../client/kafka-client.ts'
import { readPosition, splitOf, type SourcePosition } from './source-positions.ts'

/** Where a partition of a topic begins that has no position. */
export type StartOf = (topic: string) => 'earliest' | 'latest'

export interface StartOptions {
  /** As last committed, by split. */
  readonly positions: ReadonlyMap<string, JsonValue>
  readonly startOf: StartOf
}

/**
 * Where each of the partitions begins, in their order.
 * @param places with the id that the topic has now.
 * @throws KafkaError; PipelineError LOG_CORRUPT
 */
export async function startPositions(
  client: Pick<KafkaClient, 'listOffsets'>,
  places: readonly (TopicPartition & { readonly topicId: string | null })[],
  { positions, startOf }: StartOptions,
): Promise<readonly SourcePosition[]> {
  const offsets = new Map<string, bigint>()
  for (const rule of ['earliest', 'latest'] as const) {
    const begun = places.filter(
      (place) => !positions.has(splitOf(place)) && startOf(place.topic) === rule,
    )
    const found = await client.listOffsets(begun, rule, 'read_committed')
    for (const [index, place] of begun.entries()) offsets.set(splitOf(place), found[index]!)
  }
  return places.map((place) => {
    const split = splitOf(place)
    const stored = positions.get(split)
    if (stored === undefined) return { offset: offsets.get(split)!, topicId: place.topicId }
    const position = readPosition(split, stored)
    return { ...position, topicId: position.topicId ?? place.topicId }
  })
}
