import { ByteReader, MalformedAnswer } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'

/**
 * The bytes that members of a group of the type `consumer` give each other, in the form that brokers
 * and Kafka's own tools read: with bytes of other forms Kafka 4.3 never answers a JoinGroup. What is
 * our own goes into the field for user data.
 */
const version = 0

/** A subscription or an assignment, which names no topics. */
export function encodeUserData(userData: Uint8Array): Buffer {
  const nothing = 0
  const writer = new ByteWriter(userData.length + 16).int16(version).int32(nothing)
  return writer.int32(userData.length).raw(userData).bytes
}

/** Empty for what other programs wrote, and for nothing. */
export function decodeUserData(bytes: Uint8Array | null): Uint8Array {
  if (bytes === null || bytes.length === 0) return new Uint8Array(0)
  try {
    const reader = new ByteReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
    reader.int16() // version: later ones add to the end
    reader.array(2, () => reader.string())
    return reader.bytes()
  } catch (error) {
    if (error instanceof MalformedAnswer) return new Uint8Array(0)
    throw error
  }
}
