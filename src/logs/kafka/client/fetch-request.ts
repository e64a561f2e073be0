import { byTopic } from './by-topic.ts'
import type { ByteReader } from './byte-reader.ts'
import { answeredError } from './error-codes.ts'
import type { FetchedPartition, FetchRequest, Isolation } from './kafka-client.ts'
import { ownRequest, type ProtocolRequest } from './protocol-request.ts'

/** The newest version that is not flexible. Kafka 2.3 to 4.x. */
const version = 11
const consumer = -1
const noSession = { id: 0, epoch: -1 }
const anyEpoch = -1
const noOffset = -1n

export const isolationLevels: Readonly<Record<Isolation, number>> = {
  read_uncommitted: 0,
  read_committed: 1,
}

/** The records are views of the answer. */
export function fetchRequest(
  request: FetchRequest,
  address: string,
): ProtocolRequest<readonly FetchedPartition[]> {
  return ownRequest('Fetch', {
    version,
    repeatable: true,
    brokerWaitMs: request.maxWaitMs,
    body: (writer) => {
      writer
        .int32(consumer)
        .int32(request.maxWaitMs)
        .int32(request.minBytes)
        .int32(request.maxBytes)
        .int8(isolationLevels[request.isolation])
        .int32(noSession.id)
        .int32(noSession.epoch)
        .array(byTopic(request.partitions), ({ topic, partitions }) =>
          writer
            .string(topic)
            .array(partitions, ({ partition, offset, maxBytes }) =>
              writer.int32(partition).int32(anyEpoch).int64(offset).int64(noOffset).int32(maxBytes),
            ),
        )
        .int32(0) // partitions to be taken out of the session
        .string('') // rack
    },
    read: (answer) => {
      answer.int32() // throttle time
      const error = answeredError({ code: answer.int16(), what: `fetching from ${address}` })
      if (error !== null) throw error
      answer.int32() // session
      return answer
        .array(6, () => {
          const topic = answer.string()
          return answer.array(42, () => readPartition(answer, topic, address))
        })
        .flat()
    },
  })
}

function readPartition(answer: ByteReader, topic: string, address: string): FetchedPartition {
  const partition = answer.int32()
  const what = `reading "${topic}/${partition}" at ${address}`
  const error = answeredError({ code: answer.int16(), what })
  const highWatermark = answer.int64()
  const lastStableOffset = answer.int64()
  const startOffset = answer.int64()
  const aborted = answer.array(16, () => ({
    producerId: answer.int64(),
    firstOffset: answer.int64(),
  }))
  answer.int32() // replica to read from: none, because no rack was given
  const records = answer.bytes()
  return {
    topic,
    partition,
    error,
    highWatermark,
    lastStableOffset,
    startOffset,
    aborted,
    records,
  }
}
