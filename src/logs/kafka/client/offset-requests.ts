import type { TopicPartition } from '../../../core/log.ts'
import { byTopic } from './by-topic.ts'
import { answeredError, worstError } from './error-codes.ts'
import type { GroupMember, PartitionOffset } from './kafka-client.ts'
import type { KafkaError } from './kafka-error.ts'
import { ownRequest, type ProtocolRequest } from './protocol-request.ts'

/** Kafka 2.5: the first that can wait for the offsets of open transactions. Flexible. */
const fetchVersion = 7
/** Kafka 2.3: the newest that is not flexible; knows static members. */
const commitVersion = 7
const noEpoch = -1
const noMember = { generation: -1, memberId: '', instanceId: null }

/** Positions by partition, in order; fails while a transaction that changes one of them is open. */
export function offsetFetchRequest(
  group: string,
  partitions: readonly TopicPartition[],
): ProtocolRequest<readonly (bigint | null)[]> {
  const what = `reading the positions of the group "${group}"`
  return ownRequest('OffsetFetch', {
    version: fetchVersion,
    flexible: true,
    repeatable: true,
    body: (writer) => {
      writer
        .compactString(group)
        .compactArray(byTopic(partitions), ({ topic, partitions: ofTopic }) =>
          writer
            .compactString(topic)
            .compactArray(ofTopic, ({ partition }) => writer.int32(partition))
            .noTags(),
        )
        .boolean(true)
        .noTags()
    },
    read: (answer) => {
      answer.int32() // throttle time
      const offsets = new Map<string, bigint>()
      const errors = answer
        .compactArray(3, () => {
          const topic = answer.compactString()
          const codes = answer.compactArray(20, () => {
            const partition = answer.int32()
            offsets.set(`${topic}/${partition}`, answer.int64())
            answer.int32() // leader epoch
            answer.compactNullableString() // metadata
            const code = answer.int16()
            answer.skipTags()
            return answeredError({ code, what: `${what} in "${topic}/${partition}"` })
          })
          answer.skipTags()
          return codes
        })
        .flat()
      const error = answeredError({ code: answer.int16(), what }) ?? worstError(errors)
      if (error !== null) throw error
      return partitions.map(({ topic, partition }) => {
        const offset = offsets.get(`${topic}/${partition}`)
        return offset === undefined || offset < 0n ? null : offset
      })
    },
  })
}

/** @returns the worst error of all partitions. */
export function offsetCommitRequest(
  group: string,
  member: GroupMember | null,
  offsets: readonly PartitionOffset[],
): ProtocolRequest<KafkaError | null> {
  const { generation, memberId, instanceId } = member ?? noMember
  return ownRequest('OffsetCommit', {
    version: commitVersion,
    // Storing the same positions again changes nothing.
    repeatable: true,
    body: (writer) => {
      writer
        .string(group)
        .int32(generation)
        .string(memberId)
        .string(instanceId)
        .array(byTopic(offsets), ({ topic, partitions }) =>
          writer
            .string(topic)
            .array(partitions, ({ partition, offset }) =>
              writer.int32(partition).int64(offset).int32(noEpoch).string(''),
            ),
        )
    },
    read: (answer) => {
      answer.int32() // throttle time
      const errors = answer.array(6, () => {
        const topic = answer.string()
        return answer.array(6, () => {
          const what = `storing the position of the group "${group}" in "${topic}/${answer.int32()}"`
          return answeredError({ code: answer.int16(), what })
        })
      })
      return worstError(errors.flat())
    },
  })
}
