import type { SinkOrigins } from '../core/endpoints.ts'
import type { InputPart, SinkBatch } from './slice.ts'

/** What the records of a sink's batch came of, as far as they came from a topic. */
export class BatchOrigins implements SinkOrigins {
  readonly #batch: SinkBatch
  readonly #parts: readonly InputPart[]
  #ordinals: Int32Array | null = null

  constructor(batch: SinkBatch, parts: readonly InputPart[]) {
    this.#batch = batch
    this.#parts = parts
  }

  input(index: number): string | null {
    const origin = this.#parts[this.#batch.part[index]!]?.origin
    return origin?.topic == null ? null : `${origin.topic}/${origin.partition}`
  }

  offset(index: number): bigint {
    const part = this.#parts[this.#batch.part[index]!]
    if (part === undefined) return -1n
    return part.origin.baseOffset + BigInt(part.batch.offsetDelta[this.#batch.index[index]!]!)
  }

  ordinal(index: number): number {
    this.#ordinals ??= this.#count()
    return this.#ordinals[index]!
  }

  /** The results of a record stand together. */
  #count(): Int32Array {
    const { part, index } = this.#batch
    const ordinals = new Int32Array(index.length)
    for (let at = 1; at < index.length; at++) {
      const isSame = part[at] === part[at - 1] && index[at] === index[at - 1]
      ordinals[at] = isSame ? ordinals[at - 1]! + 1 : 0
    }
    return ordinals
  }
}
