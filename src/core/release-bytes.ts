/**
 * Gives the memory of bytes back at once; they are empty afterwards. A thread that makes little other
 * garbage collects it rarely, and tens of megabytes of handed-over batches would pile up.
 */
export function releaseBytes({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
