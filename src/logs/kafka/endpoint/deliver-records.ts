import type { SinkReceipt } from '../../../core/endpoints.ts'
import type { RecordErrorCode } from '../../../core/errors.ts'
import { KafkaError } from '../client/kafka-error.ts'
import { splitRecords } from '../records/split-records.ts'
import { partOf, type PartitionRecords } from './record-spreader.ts'

type Failure = SinkReceipt['failures'][number]

export interface DeliverOptions {
  readonly topic: string
  /** The topic's `max.message.bytes`, which counts a whole record batch. */
  readonly maxBytes: number
  readonly timing: boolean
  /** Resolves when all records are stored; for one partition, in the order of the calls. */
  readonly send: (records: PartitionRecords) => Promise<void>
}

/** What the broker refuses because of a single record, and what that record fails with. */
const refusals: Readonly<Record<string, RecordErrorCode>> = {
  MESSAGE_TOO_LARGE: 'RECORD_TOO_LARGE',
  RECORD_LIST_TOO_LARGE: 'RECORD_TOO_LARGE',
  INVALID_RECORD: 'RECORD_REJECTED',
  INVALID_TIMESTAMP: 'RECORD_REJECTED',
}

/**
 * Has the records of one partition written. A broker refuses a batch as a whole: it is halved until the
 * records stand alone that it does not take, and they are the failures, by the indexes they had.
 * @throws KafkaError what is not one record's fault.
 */
export async function deliverRecords(
  records: PartitionRecords,
  options: DeliverOptions,
): Promise<readonly Failure[]> {
  const { topic, maxBytes, timing, send } = options
  const { ranges, tooLarge } = splitRecords(records.batch, { maxBytes, timing })
  const failures: Failure[] = tooLarge.map(({ index, sizeBytes }) => ({
    index: records.indexes[index]!,
    code: 'RECORD_TOO_LARGE',
    message: `the record takes ${sizeBytes} bytes, and the topic "${topic}" takes ${maxBytes} (its \`max.message.bytes\`)`,
  }))
  let parts = ranges.map((range) => partOf(records, range))
  while (parts.length > 0) {
    const outcomes = await Promise.allSettled(parts.map(send))
    const at = outcomes.findIndex(({ status }) => status === 'rejected')
    if (at === -1) break
    const { reason } = outcomes[at] as PromiseRejectedResult
    const code = reason instanceof KafkaError ? refusals[reason.code] : undefined
    if (code === undefined) throw reason
    const refused = parts[at]!
    const { count } = refused.batch
    // What was sent after it has failed with it, and was not written: order is kept.
    const rest = parts.filter((_, index) => index > at && outcomes[index]!.status === 'rejected')
    if (count === 1) {
      failures.push({ index: refused.indexes[0]!, code, message: (reason as KafkaError).message })
      parts = rest
    } else {
      const half = count >> 1
      const halves = [
        partOf(refused, { from: 0, to: half }),
        partOf(refused, { from: half, to: count }),
      ]
      parts = [...halves, ...rest]
    }
  }
  return failures
}
