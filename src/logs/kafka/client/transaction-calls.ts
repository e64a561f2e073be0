import { byTopic, namePartitions } from './by-topic.ts'
import type { Brokers, LaneName } from './brokers.ts'
import type { Cluster } from './cluster.ts'
import { answeredError, worstError } from './error-codes.ts'
import type { KafkaClient, ProducerIdentity, Transaction } from './kafka-client.ts'
import { KafkaError } from './kafka-error.ts'
import { kafkaJsRequest, type ProtocolRequest } from './protocol-request.ts'
import { isUnseen, transactionStateRequest, type TransactionState } from './transaction-state.ts'

/** Connections to one broker that the producers share. */
const producerLanes = 4

/**
 * The lane of a producer: its requests are answered in order, and those of a few others that share
 * the lane. Idempotent producers without a transactional id have no name to tell them apart.
 */
export function producerLane(transactionalId: string | null): LaneName {
  let hash = 0
  for (let i = 0; i < (transactionalId?.length ?? 0); i++) {
    hash = (Math.imul(hash, 31) + transactionalId!.charCodeAt(i)) | 0
  }
  return `producer ${(hash >>> 0) % producerLanes}`
}

type Calls = Pick<
  KafkaClient,
  | 'initProducer'
  | 'lastTransaction'
  | 'addPartitions'
  | 'addOffsets'
  | 'commitTransactionOffsets'
  | 'endTransaction'
>

/** The requests to the coordinators of transactions. */
export class TransactionCalls implements Calls {
  readonly #cluster: Cluster
  readonly #brokers: Brokers

  constructor(cluster: Cluster, brokers: Brokers) {
    this.#cluster = cluster
    this.#brokers = brokers
  }

  async initProducer(id: string | null, timeoutMs: number): Promise<ProducerIdentity> {
    const request = kafkaJsRequest('InitProducerId', {
      transactionalId: id,
      transactionTimeout: timeoutMs,
    })
    if (id === null) {
      const { errorCode, ...identity } = await this.#brokers.sendToAny(request)
      const error = answeredError({ code: errorCode, what: 'starting an idempotent producer' })
      if (error !== null) throw error
      return producerOf(identity)
    }
    const { answer, what } = await this.#ask(id, 'starting the producer', request)
    this.#check(id, answeredError({ code: answer.errorCode, what }))
    return producerOf(answer)
  }

  async lastTransaction(id: string): Promise<TransactionState | null> {
    const address = await this.#cluster.coordinator('transaction', id)
    try {
      return await this.#brokers.send(address, producerLane(id), transactionStateRequest(id))
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      this.#cluster.sawCoordinatorError('transaction', id, error)
      if (isUnseen(error)) return null
      throw error
    }
  }

  async addPartitions(
    transaction: Transaction,
    partitions: Parameters<KafkaClient['addPartitions']>[1],
  ): Promise<void> {
    const { transactionalId } = transaction
    const request = kafkaJsRequest('AddPartitionsToTxn', {
      ...wire(transaction),
      topics: byTopic(partitions).map(({ topic, partitions: ofTopic }) => ({
        topic,
        partitions: ofTopic.map(({ partition }) => partition),
      })),
    })
    const title = `adding ${namePartitions(partitions)} to a transaction of the producer`
    const { answer, what } = await this.#ask(transactionalId, title, request)
    const errors = answer.errors.flatMap(({ topic, partitionErrors }) =>
      partitionErrors.map(({ partition, errorCode }) =>
        answeredError({ code: errorCode, what: `${what}: "${topic}/${partition}"` }),
      ),
    )
    this.#check(transactionalId, worstError(errors))
  }

  async addOffsets(transaction: Transaction, group: string): Promise<void> {
    const { transactionalId } = transaction
    const request = kafkaJsRequest('AddOffsetsToTxn', { ...wire(transaction), groupId: group })
    const title = `adding the positions of the group "${group}" to a transaction of the producer`
    const { answer, what } = await this.#ask(transactionalId, title, request)
    this.#check(transactionalId, answeredError({ code: answer.errorCode, what }))
  }

  async commitTransactionOffsets(
    transaction: Transaction,
    group: string,
    offsets: Parameters<KafkaClient['commitTransactionOffsets']>[2],
  ): Promise<void> {
    const address = await this.#cluster.coordinator('group', group)
    const request = kafkaJsRequest('TxnOffsetCommit', {
      ...wire(transaction),
      groupId: group,
      topics: byTopic(offsets).map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition, offset }) => ({
          partition,
          offset: String(offset),
          metadata: '',
        })),
      })),
    })
    const lane = producerLane(transaction.transactionalId)
    const { topics } = await this.#brokers.send(address, lane, request)
    const errors = topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, errorCode }) =>
        answeredError({
          code: errorCode,
          what: `storing the position of the group "${group}" in "${topic}/${partition}" with a transaction of the producer "${transaction.transactionalId}" at ${address.address}`,
        }),
      ),
    )
    const error = worstError(errors)
    this.#cluster.sawCoordinatorError('group', group, error)
    if (error !== null) throw error
  }

  async endTransaction(transaction: Transaction, outcome: 'commit' | 'abort'): Promise<void> {
    const { transactionalId } = transaction
    const request = kafkaJsRequest('EndTxn', {
      ...wire(transaction),
      transactionResult: outcome === 'commit',
    })
    const title = `ending a transaction (${outcome}) of the producer`
    const { answer, what } = await this.#ask(transactionalId, title, request)
    this.#check(transactionalId, answeredError({ code: answer.errorCode, what }))
  }

  async #ask<Answer>(
    id: string,
    title: string,
    request: ProtocolRequest<Answer>,
  ): Promise<{ readonly answer: Answer; readonly what: string }> {
    const address = await this.#cluster.coordinator('transaction', id)
    const answer = await this.#brokers.send(address, producerLane(id), request)
    return { answer, what: `${title} "${id}" at ${address.address}` }
  }

  #check(id: string, error: KafkaError | null): void {
    if (error === null) return
    this.#cluster.sawCoordinatorError('transaction', id, error)
    throw error
  }
}

function producerOf(answer: {
  readonly producerId: string
  readonly producerEpoch: number
}): ProducerIdentity {
  return { producerId: BigInt(answer.producerId), epoch: answer.producerEpoch }
}

function wire({ transactionalId, producerId, epoch }: Transaction): {
  readonly transactionalId: string
  readonly producerId: string
  readonly producerEpoch: number
} {
  return { transactionalId, producerId: String(producerId), producerEpoch: epoch }
}
