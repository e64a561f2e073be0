import type { DecodedBatch } from '../../../../src/logs/kafka/records/decode-records.ts'
import { codecs, compress, type Codec } from '../../../../src/logs/kafka/records/codec.ts'
import { crc32cByTable } from '../../../../src/logs/kafka/records/crc32c-table.ts'

/** Kafka's record batches, written plainly and by other code than that under test. */
export interface KafkaRecord {
  readonly offsetDelta?: number
  readonly timestampDelta?: bigint
  readonly key?: Uint8Array | string | null
  readonly value?: Uint8Array | string | null
  readonly headers?: readonly (readonly [
    name: Uint8Array | string,
    value: Uint8Array | string | null,
  ])[]
}

export interface KafkaBatch {
  readonly records: readonly KafkaRecord[]
  readonly baseOffset?: bigint
  readonly lastOffsetDelta?: number
  readonly baseTimestamp?: bigint
  readonly maxTimestamp?: bigint
  readonly codec?: Codec
  readonly attributes?: number
  readonly producerId?: bigint
  readonly recordCount?: number
  /** In place of the encoded records. */
  readonly section?: Uint8Array
}

export function kafkaBatch(batch: KafkaBatch): Buffer {
  const { records, baseOffset = 0n, codec = 'none', baseTimestamp = 1_000n } = batch
  const section = compress(codec, batch.section ?? recordSection(records))
  const header = Buffer.alloc(61)
  header.writeBigInt64BE(baseOffset, 0)
  header.writeInt32BE(49 + section.length, 8)
  header.writeInt8(2, 16)
  header.writeInt16BE((batch.attributes ?? 0) | codecs.indexOf(codec), 21)
  header.writeInt32BE(batch.lastOffsetDelta ?? Math.max(lastDelta(records), 0), 23)
  header.writeBigInt64BE(baseTimestamp, 27)
  header.writeBigInt64BE(batch.maxTimestamp ?? baseTimestamp, 35)
  header.writeBigInt64BE(batch.producerId ?? -1n, 43)
  header.writeInt16BE(batch.producerId === undefined ? -1 : 0, 51)
  header.writeInt32BE(-1, 53)
  header.writeInt32BE(batch.recordCount ?? records.length, 57)
  return withChecksum(Buffer.concat([header, section]))
}

export function recordSection(records: readonly KafkaRecord[]): Buffer {
  return Buffer.concat(records.map((record, index) => encodeRecord(record, index)))
}

/** The marker that ends a transaction. */
export function marker(
  type: 'abort' | 'commit',
  { baseOffset, producerId }: { baseOffset: bigint; producerId: bigint },
): Buffer {
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1])
  const value = Buffer.alloc(6)
  return kafkaBatch({ records: [{ key, value }], baseOffset, producerId, attributes: 0x30 })
}

export function withChecksum(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32cByTable(batch.subarray(21)), 17)
  return batch
}

export function zigzag(value: bigint | number): Buffer {
  const signed = BigInt(value)
  let rest = signed < 0n ? -2n * signed - 1n : 2n * signed
  const bytes: number[] = []
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Buffer.from([...bytes, Number(rest)])
}

function encodeRecord(record: KafkaRecord, index: number): Buffer {
  const { headers = [] } = record
  const body = Buffer.concat([
    Buffer.from([0]),
    zigzag(record.timestampDelta ?? 0),
    zigzag(record.offsetDelta ?? index),
    sized(record.key ?? null),
    sized(record.value ?? null),
    zigzag(headers.length),
    ...headers.flatMap(([name, value]) => [sized(name), sized(value)]),
  ])
  return Buffer.concat([zigzag(body.length), body])
}

function sized(bytes: Uint8Array | string | null): Buffer {
  if (bytes === null) return zigzag(-1)
  const part = Buffer.from(bytes)
  return Buffer.concat([zigzag(part.length), part])
}

function lastDelta(records: readonly KafkaRecord[]): number {
  return records.at(-1)?.offsetDelta ?? records.length - 1
}

/** What users of decoded batches see from each batch's first record on, with the offset. */
export function seen(batches: readonly DecodedBatch[]): [offset: bigint, value: string | null][] {
  return batches.flatMap(({ baseOffset, batch, from }) =>
    Array.from({ length: batch.count - from }, (_, index): [bigint, string | null] => [
      baseOffset + BigInt(batch.offsetDelta[from + index]!),
      batch.valueText(from + index),
    ]),
  )
}
