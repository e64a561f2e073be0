/** No larger than Node's pool, from which it gives out parts as small buffers. */
const maxSharedBytes = 64 * 1024

/**
 * Gives the memory of bytes back at once; they are empty afterwards. A thread that makes little other
 * garbage collects it rarely, and tens of megabytes of handed-over batches would pile up.
 */
export function releaseBytes({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** As `releaseBytes` where nothing else can lie in the same memory; else nothing. */
export function releaseOwnBytes(bytes: Uint8Array): void {
  if (ownsMemory(bytes)) releaseBytes(bytes)
}

/** As `releaseBytes` for a part of something that was made as a whole, and is of use to nobody any more. */
export function releaseWhole(part: Uint8Array): void {
  if (part.buffer.byteLength > maxSharedBytes) releaseBytes(part)
}

/** Whether bytes are all that anybody uses of their memory, perhaps with some to spare at its end. */
export function ownsMemory({ buffer, byteLength }: Uint8Array): boolean {
  if (!(buffer instanceof ArrayBuffer) || byteLength === 0) return false
  if (buffer.byteLength === byteLength) return true
  return buffer.byteLength > maxSharedBytes && byteLength > buffer.byteLength / 2
}
