import type { PullRequest, SliceBatch } from '../../../core/log.ts'

/** One of several inputs: what of it has come and was not taken yet. */
export interface TakenFrom {
  readonly isReady: boolean
  /** Whole batches, at least one if there is any, whatever its size. */
  take(maxRecords: number, maxBytes: number): readonly SliceBatch[]
}

/** Takes a batch of each input in turn: none is left behind while another has much. */
export class TakeInTurn {
  readonly #inputs: readonly TakenFrom[]
  /** Of the input whose turn it is: a batch that did not fit into the last pull. */
  #held: SliceBatch | null = null
  #turn = 0

  constructor(inputs: readonly TakenFrom[]) {
    this.#inputs = inputs
  }

  get isReady(): boolean {
    return this.#held !== null || this.#inputs.some(({ isReady }) => isReady)
  }

  /** At least one batch if there is any, whatever its size, and then as many as the limits allow. */
  take({ maxRecords, maxBytes }: Pick<PullRequest, 'maxRecords' | 'maxBytes'>): SliceBatch[] {
    const only = this.#inputs.length === 1 ? this.#inputs[0] : undefined
    if (only !== undefined) return only.isReady ? [...only.take(maxRecords, maxBytes)] : []
    const slices: SliceBatch[] = []
    let records = 0
    let bytes = 0
    let emptyInRow = 0
    while (emptyInRow < this.#inputs.length) {
      const slice = this.#next()
      if (slice === null) emptyInRow += 1
      else {
        emptyInRow = 0
        records += slice.batch.count - slice.from
        bytes += slice.batch.bytes.byteLength
        if (slices.length > 0 && (records > maxRecords || bytes > maxBytes)) {
          this.#held = slice
          break
        }
        slices.push(slice)
      }
      this.#turn = (this.#turn + 1) % this.#inputs.length
    }
    return slices
  }

  /** Of the input whose turn it is; null when nothing of it has come. */
  #next(): SliceBatch | null {
    const held = this.#held
    this.#held = null
    if (held !== null) return held
    const input = this.#inputs[this.#turn]!
    // Limits of nothing: exactly the one batch that is always given.
    return input.isReady ? (input.take(0, 0)[0] ?? null) : null
  }
}
