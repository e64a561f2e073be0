/** A hostile producer could name another writer in each record, and each would cost a batch. */
const maxRuns = 1_000
const noWriter = Buffer.alloc(0)

export interface WriterRun {
  /** Index of its first record. */
  readonly from: number
  /** The task's id as bytes, in memory of its own; empty for records from outside. */
  readonly writer: Buffer
}

/**
 * Who wrote the records of a Kafka batch. Ours have one writer each; tools that copy topics put
 * records of several batches together.
 */
export class WriterRuns {
  readonly runs: WriterRun[] = []
  readonly #bytes: Buffer
  #writer = noWriter

  /** @param bytes where the ids lie. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The writer of the record `index`: nobody where `start` and `end` are the same. */
  add(index: number, start: number, end: number): void {
    const { runs } = this
    if (index > 0 && (this.#isSame(start, end) || runs.length === maxRuns)) return
    // After so many changes all others are records of nobody, which is what they may well be.
    const isLast = runs.length === maxRuns - 1
    this.#writer = isLast ? noWriter : Buffer.from(this.#bytes.subarray(start, end))
    runs.push({ from: index, writer: this.#writer })
  }

  #isSame(start: number, end: number): boolean {
    const bytes = this.#bytes
    const writer = this.#writer
    if (end - start !== writer.length) return false
    for (let index = 0; index < writer.length; index++) {
      if (bytes[start + index] !== writer[index]) return false
    }
    return true
  }
}
