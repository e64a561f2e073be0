/** Bytes of an int32 as a zigzag varint: 1 to 5. */
export function varintBytes(value: number): number {
  return ((38 - Math.clz32(((value << 1) ^ (value >> 31)) | 1)) / 7) | 0
}

/** Bytes of a whole number up to 2^53 as a zigzag varint: 1 to 8. */
export function varlongBytes(value: number): number {
  if (value === (value | 0)) return varintBytes(value)
  let size = 1
  for (let rest = Math.floor(magnitude(value) / 64); rest > 0; rest = Math.floor(rest / 128)) {
    size += 1
  }
  return size
}

/** The number without its sign bit, as zigzag shifts it: exact also where twice the number is not. */
export function magnitude(value: number): number {
  return value < 0 ? -value - 1 : value
}
