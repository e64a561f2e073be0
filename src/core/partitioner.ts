const seed = 0x9747b28c
const m = 0x5bd1e995
const r = 24

/**
 * The partition of a key as Kafka's Java client chooses it: murmur2 of the bytes, made positive,
 * modulo the partition count (org.apache.kafka.clients.producer.internals.BuiltInPartitioner).
 */
export function partitionOf(key: Uint8Array | string, partitions: number): number {
  const bytes = typeof key === 'string' ? Buffer.from(key) : key
  return (murmur2(bytes) & 0x7fffffff) % partitions
}

/** MurmurHash2 of Austin Appleby (public domain), 32 bits, with the seed of Kafka's Java client. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length
  let h = seed ^ length
  const whole = length - (length % 4)
  for (let at = 0; at < whole; at += 4) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    k = Math.imul(k, m)
    k ^= k >>> r
    h = Math.imul(h, m) ^ Math.imul(k, m)
  }
  const left = length % 4
  if (left === 3) h ^= bytes[whole + 2]! << 16
  if (left >= 2) h ^= bytes[whole + 1]! << 8
  if (left >= 1) h = Math.imul(h ^ bytes[whole]!, m)
  h = Math.imul(h ^ (h >>> 13), m)
  return h ^ (h >>> 15)
}
