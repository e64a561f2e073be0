import type { FetchedPartition } from '../client/kafka-client.ts'
import type { BatchHeader } from './batch-header.ts'

type AbortedTransaction = FetchedPartition['aborted'][number]

/**
 * Says which batches of a fetch belong to transactions that were aborted, as Kafka's Java consumer
 * does. The broker names with every fetch all aborted transactions that have records in it, also those
 * that began before it or end behind it: so there is nothing to remember between fetches, and a
 * position that jumps needs no care. Several can be of the same producer: one begins to count where
 * its first record lies, and ends with its marker.
 */
export class AbortedFilter {
  /** By first offset; those before `#begun` have begun. */
  readonly #transactions: readonly AbortedTransaction[]
  readonly #producers = new Set<bigint>()
  #begun = 0

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#transactions = aborted.toSorted((a, b) => compare(a.firstOffset, b.firstOffset))
  }

  /**
   * Whether the records of the batch never became valid. To be asked for every batch of the fetch, in
   * order, markers included.
   * @param isAbortMarker whether it is the marker that ends an aborted transaction.
   */
  isAborted(batch: BatchHeader, isAbortMarker: boolean): boolean {
    this.#beginUpTo(batch.next)
    if (isAbortMarker) this.#producers.delete(batch.producerId)
    return !batch.isControl && batch.isTransactional && this.#producers.has(batch.producerId)
  }

  #beginUpTo(next: bigint): void {
    for (; this.#begun < this.#transactions.length; this.#begun++) {
      const transaction = this.#transactions[this.#begun]!
      if (transaction.firstOffset >= next) return
      this.#producers.add(transaction.producerId)
    }
  }
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
