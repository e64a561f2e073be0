import type { BrokerNode } from './brokers.ts'
import type { ByteReader } from './byte-reader.ts'
import type { NodeId } from './kafka-client.ts'
import {
  type EncodedRequest,
  kafkaJsRequest,
  ownRequest,
  type ProtocolRequest,
} from './protocol-request.ts'

export interface DescribedTopic {
  readonly errorCode: number
  readonly name: string
  readonly id: string | null
  /** By partition. */
  readonly leaders: readonly (NodeId | null)[]
  readonly replication: number
}

export interface ClusterDescription {
  readonly brokers: readonly BrokerNode[]
  readonly controllerId: NodeId
  readonly topics: readonly DescribedTopic[]
}

/** The first version (Kafka 3.0) that has topic ids for topics asked for by name. */
const versionWithIds = 12
const noId = Buffer.alloc(16)

/** Never creates topics. @param topics null: all; none: only the brokers. */
export function metadataRequest(
  topics: readonly string[] | null,
): ProtocolRequest<ClusterDescription> {
  const withIds = ownRequest('Metadata', {
    version: versionWithIds,
    flexible: true,
    repeatable: true,
    body: (writer) =>
      writer
        .compactArray(topics, (topic) => writer.raw(noId).compactString(topic).noTags())
        .boolean(false)
        .boolean(false)
        .noTags(),
    read: readCluster,
  })
  return {
    ...withIds,
    encode: async (versions) => (await withIds.encode(versions)) ?? olderRequest(topics, versions),
  }
}

interface FoundPartition {
  readonly index: number
  readonly leader: NodeId
  readonly replicas: number
}

function readCluster(answer: ByteReader): ClusterDescription {
  answer.int32() // throttle time
  const brokers = answer.compactArray(11, () => {
    const broker = { nodeId: answer.int32(), host: answer.compactString(), port: answer.int32() }
    answer.compactNullableString() // rack
    answer.skipTags()
    return broker
  })
  answer.compactNullableString() // cluster id
  const controllerId = answer.int32()
  const topics = answer.compactArray(26, () => readTopic(answer))
  answer.skipTags()
  return { brokers, controllerId, topics }
}

function readTopic(answer: ByteReader): DescribedTopic {
  const errorCode = answer.int16()
  const name = answer.compactString()
  const id = answer.uuid()
  answer.boolean() // internal
  const partitions = answer.compactArray(18, () => readPartition(answer))
  answer.int32() // authorized operations
  answer.skipTags()
  return { errorCode, name, id, ...summary(partitions) }
}

function readPartition(answer: ByteReader): FoundPartition {
  answer.int16() // error code: the leader says it as well
  const index = answer.int32()
  const leader = answer.int32()
  answer.int32() // leader epoch
  const node = () => answer.int32()
  const replicas = answer.compactArray(4, node).length
  answer.compactArray(4, node) // in-sync replicas
  answer.compactArray(4, node) // offline replicas
  answer.skipTags()
  return { index, leader, replicas }
}

function summary(
  partitions: readonly FoundPartition[],
): Pick<DescribedTopic, 'leaders' | 'replication'> {
  const sorted = partitions.toSorted((a, b) => a.index - b.index)
  return {
    leaders: sorted.map(({ leader }) => (leader < 0 ? null : leader)),
    replication: sorted[0]?.replicas ?? 0,
  }
}

/** For brokers before Kafka 3.0, and those of others: without topic ids. */
async function olderRequest(
  topics: readonly string[] | null,
  versions: { readonly minVersion: number; readonly maxVersion: number },
): Promise<EncodedRequest<ClusterDescription> | null> {
  // An empty list means all topics to kafkajs.
  const input = { topics: topics ?? [], allowAutoTopicCreation: false }
  const encoded = await kafkaJsRequest('Metadata', input).encode(versions)
  if (encoded === null) return null
  const decode = async (payload: Buffer) => {
    const { brokers, controllerId, topicMetadata } = await encoded.decode(payload)
    const described = topicMetadata.map(({ topic, topicErrorCode, partitionMetadata }) => ({
      errorCode: topicErrorCode,
      name: topic,
      id: null,
      ...summary(
        partitionMetadata.map(({ partitionId, leader, replicas }) => ({
          index: partitionId,
          leader,
          replicas: replicas.length,
        })),
      ),
    }))
    return { brokers, controllerId, topics: described }
  }
  return { ...encoded, decode }
}
