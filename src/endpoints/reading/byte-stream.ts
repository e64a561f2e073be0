/** Bytes in their order, pulled. */
export interface ByteStream {
  /**
   * Puts bytes into `into`, from index `at` on.
   * @returns how many; `endOfStream`, or `readAborted` when the signal has aborted or there is nothing
   * yet and somebody else looks when there is.
   * @throws PipelineError FILE_FAILED
   */
  read(into: Buffer, at: number, signal: AbortSignal): Promise<number>
  /** Whether a read would return without waiting for somebody else. */
  isReady(): boolean
  close(): Promise<void>
}

export const endOfStream = 0
export const readAborted = -1
