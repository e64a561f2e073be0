import type { TopicPartition } from '../../../core/log.ts'
import { byTopic } from './by-topic.ts'
import { answeredError, worstError } from './error-codes.ts'
import type { KafkaError } from './kafka-error.ts'
import { ownRequest, type ProtocolRequest } from './protocol-request.ts'

/** The coordinator's view of the last transaction of an id. */
export interface TransactionState {
  /** As Kafka names it: Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, ... */
  readonly state: string
  readonly producerId: bigint
  readonly epoch: number
}

/** What nobody has or may see, or the broker is too old to tell, is as good as not there. */
const unseen: ReadonlySet<string> = new Set([
  'TRANSACTIONAL_ID_NOT_FOUND',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'TOPIC_AUTHORIZATION_FAILED',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNSUPPORTED_VERSION',
])

export function isUnseen(error: KafkaError): boolean {
  return unseen.has(error.code)
}

/** Kafka 3.0 and newer; null: there is no such id. */
export function transactionStateRequest(id: string): ProtocolRequest<TransactionState | null> {
  const what = `asking for the last transaction of the producer "${id}"`
  return ownRequest('DescribeTransactions', {
    version: 0,
    flexible: true,
    repeatable: true,
    body: (writer) => writer.compactArray([id], (one) => writer.compactString(one)).noTags(),
    read: (answer) => {
      answer.int32() // throttle time
      const [found = null] = answer.compactArray(29, () => {
        const error = answeredError({ code: answer.int16(), what })
        answer.compactString() // the id
        const state = answer.compactString()
        answer.int32() // its timeout
        answer.int64() // its start
        const producerId = answer.int64()
        const epoch = answer.int16()
        answer.compactArray(3, () => {
          answer.compactString()
          answer.compactArray(4, () => answer.int32())
          answer.skipTags()
        })
        answer.skipTags()
        if (error !== null && !isUnseen(error)) throw error
        return error === null ? { state, producerId, epoch } : null
      })
      return found
    },
  })
}

/**
 * Kafka 2.8 and newer, to the leader of the partitions: those in which a transaction of the producer is open.
 * Partitions that cannot be seen are left out.
 */
export function openPartitionsRequest(
  producerId: bigint,
  partitions: readonly TopicPartition[],
  address: string,
): ProtocolRequest<readonly TopicPartition[]> {
  return ownRequest('DescribeProducers', {
    version: 0,
    flexible: true,
    repeatable: true,
    body: (writer) =>
      writer
        .compactArray(byTopic(partitions), ({ topic, partitions: ofTopic }) =>
          writer
            .compactString(topic)
            .compactArray(ofTopic, ({ partition }) => writer.int32(partition))
            .noTags(),
        )
        .noTags(),
    read: (answer) => {
      answer.int32() // throttle time
      const open: TopicPartition[] = []
      const errors: (KafkaError | null)[] = []
      answer.compactArray(3, () => {
        const topic = answer.compactString()
        answer.compactArray(9, () => {
          const partition = answer.int32()
          const code = answer.int16()
          answer.compactNullableString() // the error in words
          const starts = answer.compactArray(37, () => {
            const isOurs = answer.int64() === producerId
            answer.int32() // epoch
            answer.int32() // sequence
            answer.int64() // time of its last record
            answer.int32() // epoch of the coordinator
            const firstOffset = answer.int64()
            answer.skipTags()
            return isOurs && firstOffset >= 0n
          })
          answer.skipTags()
          const what = `looking for open transactions at ${address}: "${topic}/${partition}"`
          const error = answeredError({ code, what })
          errors.push(error !== null && isUnseen(error) ? null : error)
          if (starts.includes(true)) open.push({ topic, partition })
        })
        answer.skipTags()
      })
      const worst = worstError(errors)
      if (worst !== null) throw worst
      return open
    },
  })
}
