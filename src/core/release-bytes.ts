/** Smaller buffers may be Node's: its pool of small buffers, and what a socket has read at once. */
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

/** Whether bytes are all that anybody uses of their memory, perhaps with some to spare at its end. */
export function ownsMemory({ buffer, byteLength }: Uint8Array): boolean {
  if (!(buffer instanceof ArrayBuffer) || byteLength === 0) return false
  if (buffer.byteLength === byteLength) return true
  return buffer.byteLength > maxSharedBytes && byteLength > buffer.byteLength / 2
}
