/** Kafka's own names for what can be wrong with record batches. */
export type RecordsErrorCode =
  | 'CORRUPT_MESSAGE'
  | 'RECORD_LIST_TOO_LARGE'
  | 'UNSUPPORTED_COMPRESSION_TYPE'
  | 'UNSUPPORTED_FOR_MESSAGE_FORMAT'

/** What is wrong with the bytes of a batch, without the place: `decodeRecords` adds it. */
export class MalformedRecords extends Error {
  readonly code: RecordsErrorCode

  constructor(code: RecordsErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'MalformedRecords'
    this.code = code
  }
}

export function corrupt(message: string): MalformedRecords {
  return new MalformedRecords('CORRUPT_MESSAGE', message)
}

export function tooLarge(maxBytes: number): MalformedRecords {
  return new MalformedRecords(
    'RECORD_LIST_TOO_LARGE',
    `decompressed it would have more than the limit of ${maxBytes} bytes`,
  )
}
