/** The Castagnoli polynomial, its bits reversed. */
const polynomial = 0x82f63b78
const slices = 8
const tables = makeTables()

/** CRC-32C without native code: eight bytes a step. */
export function crc32cByTable(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = bytes.length
  const whole = end - (end % slices)
  let crc = -1
  for (let at = 0; at < whole; at += slices) {
    const low = crc ^ view.getInt32(at, true)
    const high = view.getInt32(at + 4, true)
    crc =
      tables[0x700 | (low & 0xff)]! ^
      tables[0x600 | ((low >>> 8) & 0xff)]! ^
      tables[0x500 | ((low >>> 16) & 0xff)]! ^
      tables[0x400 | (low >>> 24)]! ^
      tables[0x300 | (high & 0xff)]! ^
      tables[0x200 | ((high >>> 8) & 0xff)]! ^
      tables[0x100 | ((high >>> 16) & 0xff)]! ^
      tables[high >>> 24]!
  }
  for (let at = whole; at < end; at++) crc = tables[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Table k holds what a byte becomes once k further bytes of zero have gone through. */
function makeTables(): Int32Array {
  const made = new Int32Array(slices * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ polynomial
    made[byte] = crc
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256]!
    made[at] = made[before & 0xff]! ^ (before >>> 8)
  }
  return made
}
