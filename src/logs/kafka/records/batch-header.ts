import { crc32c } from './crc32c.ts'
import { attribute, field, magic, prefixBytes } from './batch-format.ts'
import { codecs, type Codec } from './codec.ts'
import { corrupt, MalformedRecords } from './malformed-records.ts'

/** The fields of a stored record batch that a reader needs. */
export interface BatchHeader {
  readonly baseOffset: bigint
  /** The position after the batch, whatever compaction has left of it. */
  readonly next: bigint
  readonly lastOffsetDelta: number
  readonly codec: Codec
  readonly isLogAppendTime: boolean
  readonly isTransactional: boolean
  readonly isControl: boolean
  /** Not exact beyond 2^53, which is no time either. */
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly producerId: bigint
  readonly recordCount: number
}

const maxOffset = 2n ** 63n - 1n

/** Bytes of the batch that begins at `at`; null where it is cut off. */
export function batchBytes(bytes: Buffer, at: number): number | null {
  const left = bytes.length - at
  if (left < prefixBytes) return null
  const length = bytes.readInt32BE(at + field.length)
  // Batches of all formats have their magic in the same place.
  if (length < field.magic + 1 - prefixBytes) throw corrupt(`its length is ${length}`)
  return prefixBytes + length <= left ? prefixBytes + length : null
}

/**
 * @param batch exactly one batch.
 * @throws MalformedRecords when it is none, or not what its checksum was made of.
 */
export function readBatchHeader(batch: Buffer): BatchHeader {
  const format = batch.readInt8(field.magic)
  if (format !== magic) {
    throw new MalformedRecords(
      'UNSUPPORTED_FOR_MESSAGE_FORMAT',
      `its format is ${format}, which only brokers before Kafka 0.11 write; 2 is known here. ` +
        'Upgrade the broker or producer, or read from an offset after it',
    )
  }
  if (batch.length < field.records) throw corrupt(`it has only ${batch.length} bytes`)
  const stored = batch.readUInt32BE(field.crc)
  const computed = crc32c(batch.subarray(field.attributes))
  if (stored !== computed) {
    throw corrupt(`its checksum is ${hex(stored)}, but that of its bytes is ${hex(computed)}`)
  }
  const attributes = batch.readInt16BE(field.attributes)
  const codec = codecs[attributes & attribute.codecMask]
  if (codec === undefined) {
    throw new MalformedRecords(
      'UNSUPPORTED_COMPRESSION_TYPE',
      `its compression is number ${attributes & attribute.codecMask}, which is not known`,
    )
  }
  const baseOffset = batch.readBigInt64BE(field.baseOffset)
  const lastOffsetDelta = batch.readInt32BE(field.lastOffsetDelta)
  const recordCount = batch.readInt32BE(field.recordCount)
  const next = baseOffset + BigInt(lastOffsetDelta) + 1n
  if (baseOffset < 0n || lastOffsetDelta < 0 || next > maxOffset)
    throw corrupt(`its offsets are ${baseOffset} and ${lastOffsetDelta} further`)
  // Less than one more than the last delta, where compaction has removed records.
  if (recordCount < 0 || recordCount > lastOffsetDelta + 1)
    throw corrupt(`it says to have ${recordCount} records at ${lastOffsetDelta + 1} offsets`)
  return {
    baseOffset,
    next,
    lastOffsetDelta,
    codec,
    isLogAppendTime: (attributes & attribute.logAppendTime) !== 0,
    isTransactional: (attributes & attribute.transactional) !== 0,
    isControl: (attributes & attribute.control) !== 0,
    baseTimestamp: Number(batch.readBigInt64BE(field.baseTimestamp)),
    maxTimestamp: Number(batch.readBigInt64BE(field.maxTimestamp)),
    producerId: batch.readBigInt64BE(field.producerId),
    recordCount,
  }
}

function hex(crc: number): string {
  return `0x${crc.toString(16).padStart(8, '0')}`
}
