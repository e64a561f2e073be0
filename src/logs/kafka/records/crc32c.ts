import { createRequire } from 'node:module'
import { crc32cByTable } from './crc32c-table.ts'

type Checksum = (bytes: Uint8Array) => number

/**
 * CRC-32C, as Kafka's record batches carry it. By native code where npm has it for this platform: a
 * fourth to a fifth of the time of the table.
 */
export const crc32c: Checksum = nativeCrc32c() ?? crc32cByTable

function nativeCrc32c(): Checksum | null {
  try {
    const require = createRequire(import.meta.url)
    const native = require('@node-rs/crc32') as { crc32c: Checksum }
    return (bytes) => native.crc32c(bytes)
  } catch {
    return null
  }
}
