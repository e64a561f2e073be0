import { RecordFailure } from '../core/errors.ts'
import { contentBytes, type RecordContent } from './dead-letter.ts'

/** Whether a record of this content is no larger than `maxBytes`, Infinity where any is taken. */
export function hasRoom(content: RecordContent, maxBytes: number): boolean {
  return maxBytes === Number.POSITIVE_INFINITY || contentBytes(content) <= maxBytes
}

/** @throws RecordFailure */
export function assertSize(content: RecordContent, topic: string, maxBytes: number): void {
  if (hasRoom(content, maxBytes)) return
  throw new RecordFailure(
    'RECORD_TOO_LARGE',
    `the record has ${contentBytes(content)} bytes; the topic "${topic}" takes ${maxBytes} (\`max.message.bytes\`, less what the log adds)`,
  )
}
