import { byTopic } from './by-topic.ts'
import type { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { answeredError } from './error-codes.ts'
import type { ProduceRequest, ProduceResult } from './kafka-client.ts'
import { ownRequest, type ProtocolRequest } from './protocol-request.ts'

/** The newest version that is not flexible, but for error texts: knows zstd. Kafka 2.1 to 4.x. */
const version = 7
const allReplicas = -1
const duplicate = 46
/** Larger records are not copied, but written after the rest. */
const maxCopiedBytes = 4 * 1024

/** The records are not copied: they must not change until the answer. */
export function produceRequest(
  request: ProduceRequest,
  address: string,
): ProtocolRequest<readonly ProduceResult[]> {
  return ownRequest('Produce', {
    version,
    brokerWaitMs: request.timeoutMs,
    body: produceBody(request),
    read: (answer) => readResults(answer, address),
  })
}

function produceBody({ transactionalId, timeoutMs, batches }: ProduceRequest): Uint8Array[] {
  const parts: Uint8Array[] = []
  let writer = new ByteWriter().string(transactionalId).int16(allReplicas).int32(timeoutMs)
  const topics = byTopic(batches)
  writer.int32(topics.length)
  for (const { topic, partitions } of topics) {
    writer.string(topic).int32(partitions.length)
    for (const { partition, records } of partitions) {
      writer.int32(partition).int32(records.length)
      if (records.length <= maxCopiedBytes) {
        writer.raw(records)
      } else {
        parts.push(writer.bytes, records)
        writer = new ByteWriter(64)
      }
    }
  }
  const rest = writer.bytes
  if (rest.length > 0) parts.push(rest)
  return parts
}

function readResults(answer: ByteReader, address: string): ProduceResult[] {
  return answer
    .array(6, () => {
      const topic = answer.string()
      return answer.array(30, () => {
        const partition = answer.int32()
        const code = answer.int16()
        const baseOffset = answer.int64()
        answer.int64() // time of the append
        answer.int64() // first offset stored
        const what = `writing to "${topic}/${partition}" at ${address}`
        // A batch whose like the broker has already: it is in the log, which is what was asked for.
        if (code === duplicate) return { topic, partition, error: null, baseOffset: -1n }
        return { topic, partition, error: answeredError({ code, what }), baseOffset }
      })
    })
    .flat()
}
