/**
 * The header by which Millrace's own records are known, one per record. Its value:
 *
 *     0  u8   bits 0-3: version (1); bit 4: marker; bits 5-6: event time is 0 none, 1 whole, 2 exact
 *     1  u56  ingest time, epoch µs, little-endian
 *     8  event time: zigzag varint of its ms since the ingest's; or f64 of its epoch ms, little-endian
 *        waiting and running so far: two zigzag varints, µs
 *        the writing task's id, UTF-8, to the end
 *
 * It does not lean on the record's timestamp, which a topic with LogAppendTime or a mirror replaces.
 */
export const timingHeaderName = 'millrace-timing'
export const timingNameBytes = timingHeaderName.length

export const timingVersion = 1
export const head = { version: 0x0f, marker: 0x10, eventTime: 0x60, reserved: 0x80 } as const
export const eventTime = { none: 0x00, whole: 0x20, exact: 0x40 } as const
/** The first byte and the ingest time. */
export const fixedBytes = 8
export const exactBytes = 8

/** A task's id is a few names of at most 63 characters and a number. */
export const maxWriterBytes = 255
/** Times behind it are no longer whole µs. */
export const maxUs = 2 ** 53 - 1
/** 71 years: longer spans start or end at a time that was not known. */
export const maxSpan = 2 ** 51
