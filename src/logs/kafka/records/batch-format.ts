/**
 * Where the fields of a record batch (magic 2) lie, all big-endian:
 *
 *     0  i64  base offset             21  i16  attributes        43  i64  producer id
 *     8  i32  length behind here      23  i32  last offset delta  51  i16  producer epoch
 *    12  i32  leader epoch            27  i64  base timestamp     53  i32  base sequence
 *    16  i8   magic                   35  i64  max timestamp      57  i32  record count
 *    17  u32  CRC-32C of the rest                                 61  the records, maybe compressed
 */
export const field = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const

export const attribute = {
  codecMask: 0x07,
  /** All records have the batch's max timestamp: the broker's clock. */
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
} as const

export const magic = 2
/** Base offset and length, which the length does not count. */
export const prefixBytes = 12
/** A record of nothing: its length, attributes, two deltas, null key, null value, no headers. */
export const minRecordBytes = 7
