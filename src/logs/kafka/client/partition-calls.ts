import type { TopicPartition } from '../../../core/log.ts'
import { unlessAborted } from '../../../core/unless-aborted.ts'
import { byTopic } from './by-topic.ts'
import type { Brokers } from './brokers.ts'
import type { Cluster } from './cluster.ts'
import { answeredError, worstError } from './error-codes.ts'
import { fetchRequest, isolationLevels } from './fetch-request.ts'
import type {
  FetchedPartition,
  FetchRequest,
  Isolation,
  KafkaClient,
  NodeId,
  PartitionOffset,
  ProduceRequest,
  ProduceResult,
} from './kafka-client.ts'
import { KafkaError } from './kafka-error.ts'
import { produceRequest } from './produce-request.ts'
import { kafkaJsRequest } from './protocol-request.ts'
import { producerLane } from './transaction-calls.ts'
import { isUnseen, openPartitionsRequest } from './transaction-state.ts'

const placeTimestamps = { earliest: '-2', latest: '-1' } as const

type Calls = Pick<
  KafkaClient,
  'produce' | 'fetch' | 'listOffsets' | 'openPartitions' | 'deleteRecords'
>

/** The requests to the leaders of partitions. */
export class PartitionCalls implements Calls {
  readonly #cluster: Cluster
  readonly #brokers: Brokers
  readonly #requestTimeoutMs: number

  constructor(cluster: Cluster, brokers: Brokers, requestTimeoutMs: number) {
    this.#cluster = cluster
    this.#brokers = brokers
    this.#requestTimeoutMs = requestTimeoutMs
  }

  async produce(node: NodeId, request: ProduceRequest): Promise<readonly ProduceResult[]> {
    const address = await this.#cluster.addressOf(node)
    const lane = producerLane(request.transactionalId)
    const encoded = produceRequest(request, address.address)
    const results = await this.#brokers.send(address, lane, encoded)
    for (const { topic, error } of results) this.#cluster.sawLeaderError(topic, error)
    return results
  }

  async fetch(
    node: NodeId,
    request: FetchRequest,
    signal: AbortSignal,
  ): Promise<readonly FetchedPartition[]> {
    const address = await this.#cluster.addressOf(node)
    const encoded = fetchRequest(request, address.address)
    if (signal.aborted) return []
    const fetching = this.#brokers.sendAlone(address, encoded)
    const fetched = (await unlessAborted(fetching, signal)) ?? []
    for (const { topic, error } of fetched) this.#cluster.sawLeaderError(topic, error)
    return fetched
  }

  async listOffsets(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest' | { readonly timestampMs: number },
    isolation: Isolation,
  ): Promise<readonly bigint[]> {
    const timestamp = typeof at === 'string' ? placeTimestamps[at] : String(at.timestampMs)
    const found = new Map<string, bigint>()
    await this.#byLeader(partitions, async (node, ofNode) => {
      const request = kafkaJsRequest(
        'ListOffsets',
        {
          isolationLevel: isolationLevels[isolation],
          topics: byTopic(ofNode).map(({ topic, partitions: ofTopic }) => ({
            topic,
            partitions: ofTopic.map(({ partition }) => ({ partition, timestamp })),
          })),
        },
        { repeatable: true },
      )
      const address = await this.#cluster.addressOf(node)
      const { responses } = await this.#brokers.send(address, 'control', request)
      const what = `looking up offsets at ${address.address}`
      this.#check(what, responses)
      for (const { topic, partitions: ofTopic } of responses) {
        for (const { partition, offset } of ofTopic) {
          found.set(`${topic}/${partition}`, BigInt(offset))
        }
      }
    })
    return partitions.map(({ topic, partition }) => found.get(`${topic}/${partition}`) ?? -1n)
  }

  async openPartitions(
    producerId: bigint,
    partitions: readonly TopicPartition[],
  ): Promise<readonly TopicPartition[]> {
    const open: TopicPartition[] = []
    await this.#byLeader(partitions, async (node, ofNode) => {
      const address = await this.#cluster.addressOf(node)
      const request = openPartitionsRequest(producerId, ofNode, address.address)
      try {
        open.push(...(await this.#brokers.send(address, 'control', request)))
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        for (const { topic } of ofNode) this.#cluster.sawLeaderError(topic, error)
        if (!isUnseen(error)) throw error
      }
    })
    return open
  }

  async deleteRecords(before: readonly PartitionOffset[]): Promise<void> {
    await this.#byLeader(before, async (node, ofNode) => {
      const request = kafkaJsRequest(
        'DeleteRecords',
        {
          topics: byTopic(ofNode).map(({ topic, partitions }) => ({
            topic,
            partitions: partitions.map(({ partition, offset }) => ({
              partition,
              offset: String(offset),
            })),
          })),
          timeout: this.#requestTimeoutMs,
        },
        { repeatable: true, brokerWaitMs: this.#requestTimeoutMs },
      )
      const address = await this.#cluster.addressOf(node)
      const { topics } = await this.#brokers.send(address, 'admin', request)
      this.#check(`deleting records at ${address.address}`, topics)
    })
  }

  /** All at the same time. */
  async #byLeader<T extends TopicPartition>(
    partitions: readonly T[],
    ask: (node: NodeId, ofNode: readonly T[]) => Promise<void>,
  ): Promise<void> {
    const leaders = await Promise.all(
      partitions.map((partition) => this.#cluster.leaderOf(partition)),
    )
    const nodes = Map.groupBy(partitions, (_, i) => leaders[i]!)
    await Promise.all([...nodes].map(([node, ofNode]) => ask(node, ofNode)))
  }

  #check(
    what: string,
    topics: readonly {
      readonly topic: string
      readonly partitions: readonly { readonly partition: number; readonly errorCode: number }[]
    }[],
  ): void {
    const errors: (KafkaError | null)[] = []
    for (const { topic, partitions } of topics) {
      for (const { partition, errorCode } of partitions) {
        const error = answeredError({
          code: errorCode,
          what: `${what}: "${topic}/${partition}"`,
        })
        this.#cluster.sawLeaderError(topic, error)
        errors.push(error)
      }
    }
    const worst = worstError(errors)
    if (worst !== null) throw worst
  }
}
