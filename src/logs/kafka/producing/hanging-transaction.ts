import type { TopicPartition } from '../../../core/log.ts'
import type { KafkaClient, ProducerIdentity, Transaction } from '../client/kafka-client.ts'
import type { TransactionState } from '../client/transaction-state.ts'
import type { GroupInputs } from './task-positions.ts'

export interface HangingTransactionOptions {
  readonly client: KafkaClient
  readonly transactionalId: string
  readonly inputs: readonly GroupInputs[]
  /** Topics that its commits write to. */
  readonly outputs: readonly string[]
}

const committed: ReadonlySet<string> = new Set(['PrepareCommit', 'CompleteCommit'])
/** What one epoch more means: only the id was taken. The coordinator takes another one to abort. */
const onlyTaken = 1

/**
 * What brokers have forgotten to end. A coordinator passes over a partition that has no leader at the moment
 * when a transaction ends there, as if it had been deleted (KAFKA-20734: Kafka 4.3, not 4.2; after the broker of
 * a partition without replicas was frozen or stopped), and takes the transaction for completed. Nobody can read
 * past its records then, for ever, or its positions. Once the id is taken, nothing of it can rightly be open: whatever
 * is gets the end that the transaction had elsewhere, by an empty transaction over the same partitions.
 */
export class HangingTransaction {
  readonly #options: HangingTransactionOptions
  #last: TransactionState | null = null

  constructor(options: HangingTransactionOptions) {
    this.#options = options
  }

  /** To be asked before the id is taken: the coordinator forgets it then. @throws KafkaError */
  async look(): Promise<void> {
    const { client, transactionalId } = this.#options
    this.#last = await client.lastTransaction(transactionalId)
  }

  /** To be asked after the id is taken: partitions that are still open. @throws KafkaError */
  async openPartitions({ producerId }: ProducerIdentity): Promise<readonly TopicPartition[]> {
    const { client, outputs } = this.#options
    // Marks of another producer would end nothing.
    if (this.#last?.producerId !== producerId || outputs.length === 0) return []
    const topics = await client.describeTopics(outputs)
    const partitions = topics.flatMap(({ name, leaders }) =>
      leaders.map((_, partition) => ({ topic: name, partition })),
    )
    return client.openPartitions(producerId, partitions)
  }

  /** Ends it in these partitions, and its positions. May be repeated. @throws KafkaError */
  async end(transaction: Transaction, partitions: readonly TopicPartition[]): Promise<void> {
    const { client, inputs } = this.#options
    if (partitions.length > 0) await client.addPartitions(transaction, partitions)
    for (const { group } of inputs) await client.addOffsets(transaction, group)
    await client.endTransaction(transaction, this.#outcome(transaction))
  }

  #outcome({ epoch }: ProducerIdentity): 'commit' | 'abort' {
    if (this.#last === null) return 'abort'
    const { state, epoch: before } = this.#last
    if (committed.has(state)) return 'commit'
    // It was ended between the question and the taking of the id, and its writer ends what it has begun.
    return state === 'Ongoing' && epoch === before + onlyTaken ? 'commit' : 'abort'
  }
}
