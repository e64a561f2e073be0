/** The last time that a Date can have. */
const maxTimestampMs = 8.64e15
/** Kafka's value for a record without a timestamp. */
export const noTimestamp = -1

/** 0 for a record without a timestamp, or with one that is no time. */
export function recordTimestamp(kafkaMs: number): number {
  return kafkaMs >= 0 && kafkaMs <= maxTimestampMs ? kafkaMs : 0
}

/** The inverse: whole ms, and none for 0. */
export function kafkaTimestamp(timestampMs: number): number {
  return timestampMs >= 1 && timestampMs <= maxTimestampMs ? Math.floor(timestampMs) : noTimestamp
}
