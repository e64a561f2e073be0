import type { Clock, Random } from '../../../core/clock.ts'
import type { TopicPartition } from '../../../core/log.ts'
import type { KafkaClient, PartitionOffset, Transaction } from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import { RetryDelay } from '../retry-delay.ts'
import { unlessAborted } from '../../../core/unless-aborted.ts'
import type { BatchSender, ProducedBatch } from './batch-sender.ts'

export interface GroupOffsets {
  readonly group: string
  readonly offsets: readonly PartitionOffset[]
}

export interface TransactionContent {
  readonly outputs: readonly ProducedBatch[]
  /** Positions that become valid together with the outputs. */
  readonly offsets: readonly GroupOffsets[]
}

export interface OpenTransactionOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly random: Random
  readonly transaction: Transaction
  readonly sender: BatchSender
  /** When to give up, by the clock's `monotonicUs`: before the coordinator does. */
  readonly deadlineUs: number
  readonly signal: AbortSignal
  /** Told when the cluster cannot be worked with for the moment. */
  readonly onTrouble?: (error: KafkaError) => void
}

/** The coordinator needs a few ms to complete the transaction before: the next one begins with waiting. */
const retryDelays = { firstMs: 1, maxMs: 20, factor: 1.5 }

/** The requests of one transaction, in as few round trips as the protocol allows. */
export class OpenTransaction {
  readonly #options: OpenTransactionOptions
  #isBegun = false
  #isEndSent = false
  #retries = 0
  #unanswered = 0
  #tellSettled: (() => void) | null = null

  constructor(options: OpenTransactionOptions) {
    this.#options = options
  }

  /** Whether the coordinator may know of it. */
  get isBegun(): boolean {
    return this.#isBegun
  }

  /** Whether it may have been committed. */
  get isEndSent(): boolean {
    return this.#isEndSent
  }

  /**
   * Resolves when all that was sent is answered, perhaps never. What is not, a broker may do later, also after the
   * end of the transaction if that comes from the same producer; then nothing ever ends what it has begun.
   */
  settled(): Promise<void> {
    if (this.#unanswered === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#tellSettled = resolve
    })
  }

  /** Requests that were sent again. */
  get retries(): number {
    return this.#retries
  }

  /**
   * Four round trips one after the other: the partitions, then (while the batches travel) the group and
   * its positions, then the end. Brokers refuse each of them before the one that it builds on.
   */
  async commit({ outputs, offsets }: TransactionContent): Promise<void> {
    const { client, transaction, sender } = this.#options
    const partitions = distinct(outputs)
    this.#isBegun = true
    if (partitions.length > 0) {
      await this.#request(() => client.addPartitions(transaction, partitions))
    }
    const delivery = sender.send(outputs)
    await Promise.all([
      this.#unlessStopped(this.#counted(delivery.done)),
      this.#storeOffsets(offsets),
    ])
    this.#isEndSent = true
    await this.#request(() => client.endTransaction(transaction, 'commit'))
  }

  async #storeOffsets(groups: readonly GroupOffsets[]): Promise<void> {
    const { client, transaction } = this.#options
    for (const { group, offsets } of groups) {
      if (offsets.length === 0) continue
      await this.#request(() => client.addOffsets(transaction, group))
      await this.#request(() => client.commitTransactionOffsets(transaction, group, offsets))
    }
  }

  /** Again while it was certainly not done, and there is time. */
  async #request(send: () => Promise<void>): Promise<void> {
    const { clock, random, deadlineUs, signal } = this.#options
    const delay = new RetryDelay(retryDelays, random)
    for (;;) {
      try {
        await this.#unlessStopped(this.#counted(send()))
        return
      } catch (error) {
        if (!(error instanceof KafkaError) || error.kind !== 'retriable') throw error
        if (clock.monotonicUs() >= deadlineUs) throw error
        // Waiting longer than some 300 ms is worth a word.
        if (error.code !== 'CONCURRENT_TRANSACTIONS' || delay.isLong)
          this.#options.onTrouble?.(error)
      }
      this.#retries += 1
      await clock.sleep(delay.next(), signal)
    }
  }

  /** A request that fails without an answer stays one that may yet be done. */
  async #counted(request: Promise<void>): Promise<void> {
    this.#unanswered += 1
    try {
      await request
      this.#answered()
    } catch (error) {
      const isAnswered =
        error instanceof KafkaError && error.kind !== 'indefinite' && error.code !== 'CLOSED'
      if (isAnswered) this.#answered()
      throw error
    }
  }

  #answered(): void {
    this.#unanswered -= 1
    if (this.#unanswered === 0) this.#tellSettled?.()
  }

  async #unlessStopped(request: Promise<void>): Promise<void> {
    const { signal } = this.#options
    await unlessAborted(request, signal)
    if (signal.aborted) throw stoppedError()
  }
}

/** The owner of a producer does not want to wait for it any more. */
export function stoppedError(): KafkaError {
  return new KafkaError({ code: 'CLOSED', kind: 'fatal' }, 'writing was stopped')
}

function distinct(outputs: readonly TopicPartition[]): TopicPartition[] {
  const byName = new Map(
    outputs.map(({ topic, partition }) => [`${topic}/${partition}`, { topic, partition }]),
  )
  return [...byName.values()]
}
