import { invariant } from '../../../core/errors.ts'
import type { RecordBatch } from '../../../core/record-batch.ts'
import { KafkaError } from '../client/kafka-error.ts'
import { attribute, field, magic, prefixBytes } from './batch-format.ts'
import { codecs, compress, type Codec } from './codec.ts'
import { crc32c } from './crc32c.ts'
import { MalformedRecords } from './malformed-records.ts'
import { RecordWriter } from './record-writer.ts'
import { kafkaTimestamp, noTimestamp } from './record-timestamp.ts'
import { VarintWriter } from './varint-writer.ts'

/** Records `from` up to, without, `to`. */
export interface RecordRange {
  readonly from: number
  readonly to: number
}

/** Where an idempotent producer stands in a partition. */
export interface ProducerStamp {
  readonly producerId: bigint
  readonly epoch: number
  /** Of the first record; wraps around after 2^31 - 1. */
  readonly sequence: number
}

export interface EncodeOptions {
  readonly codec: Codec
  /** null for none; it can be set later by `stampProducer`. */
  readonly producer: ProducerStamp | null
  readonly transactional: boolean
  /** Whether each record gets the timing header. Batches with markers need it. */
  readonly timing: boolean
}

/**
 * The records as one Kafka record batch (magic 2), ready to be sent. They must not be none.
 * @throws KafkaError UNSUPPORTED_COMPRESSION_TYPE where the codec's native code is missing.
 */
export function encodeRecords(
  batch: RecordBatch,
  range: RecordRange,
  options: EncodeOptions,
): Uint8Array {
  const { from, to } = range
  invariant(from >= 0 && from < to && to <= batch.count, 'a range holds records of its batch')
  const encoded = withCodec(plainBatch(batch, range, options.timing), options.codec)
  encoded.writeInt32BE(encoded.length - prefixBytes, field.length)
  encoded.writeInt32BE(-1, field.leaderEpoch)
  encoded.writeInt8(magic, field.magic)
  encoded.writeInt16BE(attributesOf(options), field.attributes)
  encoded.writeInt32BE(to - from - 1, field.lastOffsetDelta)
  encoded.writeInt32BE(to - from, field.recordCount)
  stampProducer(encoded, options.producer)
  return encoded
}

/**
 * Says who wrote an encoded batch, and brings its checksum up to date. A batch that is sent again
 * after a new InitProducerId gets its new numbers this way.
 */
export function stampProducer(encoded: Uint8Array, producer: ProducerStamp | null): void {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length)
  bytes.writeBigInt64BE(producer?.producerId ?? -1n, field.producerId)
  bytes.writeInt16BE(producer?.epoch ?? -1, field.producerEpoch)
  bytes.writeInt32BE(producer?.sequence ?? -1, field.baseSequence)
  bytes.writeUInt32BE(crc32c(bytes.subarray(field.attributes)), field.crc)
}

/** Deltas and lengths that take more bytes than in the first record. */
const spareBytes = 8

/** All but what depends on the codec. */
function plainBatch(batch: RecordBatch, { from, to }: RecordRange, timing: boolean): Buffer {
  const writer = new RecordWriter(batch, timing)
  writer.startAt(from)
  // The first record tells what its numbers and headers add; with a little more for each there is
  // mostly room for all at once.
  const added = Math.max(0, writer.moveTo(from) - batch.sizeBytes(from)) + spareBytes
  const { headersEnd } = writer.layout
  const dataBytes = headersEnd[to - 1]! - (from === 0 ? 0 : headersEnd[from - 1]!)
  const out = new VarintWriter(field.records + dataBytes + (to - from) * added)
  out.at = field.records
  for (let index = from; index < to; index++) {
    out.reserve(writer.moveTo(index))
    writer.write(out)
  }
  const bytes = out.bytes.subarray(0, out.at)
  bytes.writeBigInt64BE(0n, field.baseOffset)
  bytes.writeBigInt64BE(BigInt(kafkaTimestamp(batch.timestampMs[from]!)), field.baseTimestamp)
  bytes.writeBigInt64BE(BigInt(maxTimestamp(batch, from, to)), field.maxTimestamp)
  return bytes
}

function withCodec(plain: Buffer, codec: Codec): Buffer {
  if (codec === 'none') return plain
  const records = packed(codec, plain.subarray(field.records))
  const bytes = Buffer.allocUnsafeSlow(field.records + records.length)
  plain.copy(bytes, 0, 0, field.records)
  bytes.set(records, field.records)
  return bytes
}

function packed(codec: Codec, records: Buffer): Uint8Array {
  try {
    return compress(codec, records)
  } catch (error) {
    if (!(error instanceof MalformedRecords)) throw error
    const what = { code: error.code, kind: 'config' } as const
    throw new KafkaError(what, `compressing records: ${error.message}`, { cause: error })
  }
}

function attributesOf({ codec, transactional }: EncodeOptions): number {
  return codecs.indexOf(codec) | (transactional ? attribute.transactional : 0)
}

function maxTimestamp({ timestampMs }: RecordBatch, from: number, to: number): number {
  let max = noTimestamp
  for (let index = from; index < to; index++) {
    max = Math.max(max, kafkaTimestamp(timestampMs[index]!))
  }
  return max
}
