const newline = 0x0a

/** Cuts what a process writes into lines, of a length that is bounded. */
export class AnswerLines {
  readonly #maxBytes: number
  /** Of a line that has not ended. */
  #begun: Buffer[] = []
  #begunBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The lines that have ended with this chunk; null where one is longer than is allowed. */
  take(chunk: Uint8Array): readonly string[] | null {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const end = bytes.lastIndexOf(newline)
    if (end === -1) {
      // A copy: the chunk is the reader's.
      this.#begun.push(Buffer.from(bytes))
      this.#begunBytes += bytes.length
      return this.#begunBytes > this.#maxBytes ? null : []
    }
    const whole = Buffer.concat([...this.#begun, bytes.subarray(0, end)])
    const rest = Buffer.from(bytes.subarray(end + 1))
    this.#begun = rest.length === 0 ? [] : [rest]
    this.#begunBytes = rest.length
    const lines = whole.toString('utf8').split('\n')
    const isLong = whole.length > this.#maxBytes && lines.some((line) => this.#isTooLong(line))
    return isLong || rest.length > this.#maxBytes
      ? null
      : lines.filter((line) => line.trim() !== '')
  }

  #isTooLong(line: string): boolean {
    return Buffer.byteLength(line) > this.#maxBytes
  }
}
