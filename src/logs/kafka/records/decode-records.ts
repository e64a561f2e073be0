import type { RecordBatch } from '../../../core/record-batch.ts'
import type { FetchedPartition, Isolation } from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import { AbortedFilter } from './aborted-filter.ts'
import { field } from './batch-format.ts'
import { batchBytes, readBatchHeader, type BatchHeader } from './batch-header.ts'
import { decompress } from './codec.ts'
import { isAbortMarker } from './control-batch.ts'
import { corrupt, MalformedRecords, type RecordsErrorCode } from './malformed-records.ts'
import { RecordsReader } from './records-reader.ts'

const mebibyte = 2 ** 20

export interface DecodeOptions {
  /** The position that was asked for. */
  readonly offset: bigint
  readonly isolation: Isolation
  /** How large one batch may become, with what memory needs for it. */
  readonly maxBatchBytes?: number
  /** When the decoded batches are so large together, the rest is left for the next fetch. */
  readonly maxBytes?: number
}

const defaultMaxBatchBytes = 128 * mebibyte
const defaultMaxBytes = 64 * mebibyte

export interface DecodedBatch {
  readonly baseOffset: bigint
  readonly batch: RecordBatch
  /** Index of the first record at or behind the position that was asked for. */
  readonly from: number
  /** The position after this batch. */
  readonly next: bigint
}

export interface DecodedRecords {
  readonly batches: readonly DecodedBatch[]
  /** Where to go on: behind all that was read, also where nothing of it is to be seen. */
  readonly next: bigint
}

type Fetched = Pick<FetchedPartition, 'topic' | 'partition' | 'records' | 'aborted'>

/**
 * Turns what a fetch brought for one partition into core batches. A last batch that is cut off is left
 * for the next fetch; markers of transactions, and with `read_committed` the records of aborted ones,
 * are passed over. Records without the timing header get their timestamp as ingest time and no writer.
 * @throws KafkaError CORRUPT_MESSAGE, RECORD_LIST_TOO_LARGE, UNSUPPORTED_COMPRESSION_TYPE,
 *   UNSUPPORTED_FOR_MESSAGE_FORMAT: the partition cannot be read past the batch at `offset`. One that
 *   lies further behind only ends the reading: it is the first one of the next fetch.
 */
export function decodeRecords(fetched: Fetched, options: DecodeOptions): DecodedRecords {
  const decoder = new FetchDecoder(fetched, options)
  const maxBytes = options.maxBytes ?? defaultMaxBytes
  try {
    while (decoder.decodedBytes < maxBytes && decoder.step());
  } catch (error) {
    if (!(error instanceof MalformedRecords)) throw error
    if (decoder.next === options.offset) throw located(error, fetched, decoder.next)
  }
  return decoder
}

class FetchDecoder {
  readonly batches: DecodedBatch[] = []
  next: bigint
  decodedBytes = 0
  readonly #bytes: Buffer
  readonly #options: DecodeOptions
  readonly #filter: AbortedFilter | null
  #at = 0
  /** Behind the last batch, which may lie before the position that was asked for. */
  #end = 0n

  constructor({ records, aborted }: Fetched, options: DecodeOptions) {
    this.next = options.offset
    this.#bytes = Buffer.from(records.buffer, records.byteOffset, records.length)
    this.#options = options
    this.#filter = options.isolation === 'read_committed' ? new AbortedFilter(aborted) : null
  }

  /** Reads one Kafka batch; false where there is no whole one. */
  step(): boolean {
    const size = batchBytes(this.#bytes, this.#at)
    if (size === null) return false
    const stored = this.#bytes.subarray(this.#at, this.#at + size)
    const header = readBatchHeader(stored)
    if (header.baseOffset < this.#end)
      throw corrupt(
        `its offset ${header.baseOffset} lies before ${this.#end}, where the last one ends`,
      )
    if (this.#isVisible(header, stored)) this.#decode(header, stored)
    this.#at += size
    this.#end = header.next
    if (header.next > this.next) this.next = header.next
    return true
  }

  #isVisible(header: BatchHeader, stored: Buffer): boolean {
    const isAbort = header.isControl && isAbortMarker(this.#section(header, stored))
    const isAborted = this.#filter?.isAborted(header, isAbort) ?? false
    return (
      !isAborted &&
      !header.isControl &&
      header.recordCount > 0 &&
      header.next > this.#options.offset
    )
  }

  #decode(header: BatchHeader, stored: Buffer): void {
    const section = this.#section(header, stored)
    const parts = new RecordsReader(header, section, this.#maxBatchBytes()).read()
    for (const [index, { firstDelta, lastDelta, batch }] of parts.entries()) {
      const isLast = index === parts.length - 1
      const baseOffset = header.baseOffset + BigInt(parts.length === 1 ? 0 : firstDelta)
      const next = isLast ? header.next : header.baseOffset + BigInt(lastDelta) + 1n
      const from = this.#from(baseOffset, batch)
      if (from === batch.count) continue
      this.batches.push({ baseOffset, batch, from, next })
      this.decodedBytes += batch.bytes.length
    }
  }

  #from(baseOffset: bigint, { count, offsetDelta }: RecordBatch): number {
    const { offset } = this.#options
    if (offset <= baseOffset) return 0
    const delta = Number(offset - baseOffset)
    const from = offsetDelta.findIndex((each) => each >= delta)
    return from === -1 ? count : from
  }

  #section({ codec }: BatchHeader, stored: Buffer): Buffer {
    const section = decompress(codec, stored.subarray(field.records), this.#maxBatchBytes())
    return Buffer.from(section.buffer, section.byteOffset, section.length)
  }

  #maxBatchBytes(): number {
    return this.#options.maxBatchBytes ?? defaultMaxBatchBytes
  }
}

/** What to do about each of them, and whether somebody can. */
const remedies: Record<RecordsErrorCode, { kind: 'config' | 'fatal'; text: string }> = {
  CORRUPT_MESSAGE: {
    kind: 'fatal',
    text: 'Check the disk of the broker and the producer that wrote it; only a position behind it goes on.',
  },
  RECORD_LIST_TOO_LARGE: {
    kind: 'fatal',
    text: 'Check the producer that wrote it; only a position behind it goes on.',
  },
  UNSUPPORTED_COMPRESSION_TYPE: { kind: 'config', text: '' },
  UNSUPPORTED_FOR_MESSAGE_FORMAT: { kind: 'config', text: '' },
}

function located(
  error: MalformedRecords,
  { topic, partition }: Fetched,
  offset: bigint,
): KafkaError {
  const { kind, text } = remedies[error.code]
  return new KafkaError(
    { code: error.code, kind },
    `reading topic ${topic}, partition ${partition}, at offset ${offset}: the record batch there ` +
      `cannot be used: ${error.message}. ${text}`.trimEnd(),
    { cause: error },
  )
}
