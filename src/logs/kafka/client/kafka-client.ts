import type { TopicPartition } from '../../../core/log.ts'
import type { KafkaError } from './kafka-error.ts'
import type { TransactionState } from './transaction-state.ts'

/** A broker's id in its cluster. */
export type NodeId = number

export interface PartitionOffset extends TopicPartition {
  readonly offset: bigint
}

export interface TopicMetadata {
  readonly name: string
  /** Changes when a topic is deleted and made again; null where the broker does not say. */
  readonly id: string | null
  /** By partition: its leader; null while there is none. */
  readonly leaders: readonly (NodeId | null)[]
  readonly replication: number
}

export interface NewTopic {
  readonly name: string
  readonly partitions: number
  /** -1: the broker's default. */
  readonly replication: number
  readonly config: Readonly<Record<string, string>>
}

export interface ProduceRequest {
  readonly transactionalId: string | null
  readonly timeoutMs: number
  /** At most one record batch per partition, in Kafka's format (magic 2), ready to be sent. */
  readonly batches: readonly (TopicPartition & { readonly records: Uint8Array })[]
}

export interface ProduceResult extends TopicPartition {
  readonly error: KafkaError | null
  /** -1 when the broker does not say (a duplicate). */
  readonly baseOffset: bigint
}

export interface FetchRequest {
  readonly maxWaitMs: number
  readonly minBytes: number
  /** For the whole answer; the first batch comes whatever its size. */
  readonly maxBytes: number
  readonly isolation: Isolation
  readonly partitions: readonly (PartitionOffset & { readonly maxBytes: number })[]
}

export interface FetchedPartition extends TopicPartition {
  /** With an error the offsets are -1. */
  readonly error: KafkaError | null
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
  readonly startOffset: bigint
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[]
  /** Record batches as the broker stores them; the last one may be cut off. */
  readonly records: Uint8Array
}

export type Isolation = 'read_committed' | 'read_uncommitted'

export interface ProducerIdentity {
  readonly producerId: bigint
  readonly epoch: number
}

export interface Transaction extends ProducerIdentity {
  readonly transactionalId: string
}

/**
 * A group with members is a consumer group that reads no topics: positions stored under its name
 * would be dropped after the broker's `offsets.retention.minutes`, as they are for groups without members.
 */
export interface JoinRequest {
  readonly group: string
  /** Empty at the first call; then the one that the answer, or its error MEMBER_ID_REQUIRED, gave. */
  readonly memberId: string
  /** Static membership; null for none. */
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** Name of the assignment protocol, with what this member says about itself. */
  readonly protocol: string
  readonly metadata: Uint8Array
}

export interface JoinResult {
  readonly generation: number
  readonly memberId: string
  readonly leaderId: string
  /** Only for the leader: all members. */
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly metadata: Uint8Array
  }[]
}

export interface GroupMember {
  readonly group: string
  readonly generation: number
  readonly memberId: string
  readonly instanceId: string | null
}

export interface DescribedMember {
  readonly memberId: string
  /** The address that it is connected from. */
  readonly host: string
  /** As in `JoinRequest`; empty while the group is being reassigned. */
  readonly metadata: Uint8Array
}

/**
 * The requests of Kafka's protocol that Millrace needs, decoded, each sent to the broker it belongs to
 * (leader, coordinator, controller). A request is sent once: what to do about an error is the caller's
 * business, who knows what may be repeated. Leaders and coordinators that turn out to be others are
 * forgotten, so that the next call asks anew.
 *
 * All methods throw `KafkaError`. Its `kind` says what is known: after `indefinite` (timed out,
 * disconnected with the request on its way) the broker may or may not have done it. Where doing it
 * twice is as good as once (reading, heartbeats, leaving, storing positions without a transaction)
 * a lost answer is `retriable`.
 */
export interface KafkaClient {
  /** Topics that do not exist are left out. null asks for all topics. */
  describeTopics(names: readonly string[] | null): Promise<readonly TopicMetadata[]>
  /** From a cache of some minutes; throws UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE. */
  leaderOf(partition: TopicPartition): Promise<NodeId>
  /** For errors seen elsewhere; those of the requests here are seen. */
  forgetLeaders(topics: readonly string[]): void

  /**
   * Records must not change until the answer: they are not copied. Requests to one node with the same
   * `transactionalId` are written in the order of the calls, also before the last one is answered.
   */
  produce(node: NodeId, request: ProduceRequest): Promise<readonly ProduceResult[]>
  /**
   * On a connection that no other request uses meanwhile, so that fetches wait neither for each other
   * nor hold anything up. Ends early, empty, when `signal` aborts; the answer is then dropped when it
   * comes, and until then its connection stays busy: keep `maxWaitMs` to a second or so.
   * The records are views of the whole answer: copy what is kept for long.
   */
  fetch(
    node: NodeId,
    request: FetchRequest,
    signal: AbortSignal,
  ): Promise<readonly FetchedPartition[]>
  /**
   * By partition, in order. `latest` honours the isolation: the last stable offset when
   * read_committed. At a time: the first record that is not older; -1 where there is none.
   */
  listOffsets(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest' | { readonly timestampMs: number },
    isolation: Isolation,
  ): Promise<readonly bigint[]>

  /**
   * By partition, in order; null where the group has no position. UNSTABLE_OFFSET_COMMIT (retriable)
   * while a transaction with positions of these partitions is not completed.
   */
  fetchOffsets(
    group: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly (bigint | null)[]>
  /** `member` null: for a group without members. */
  commitOffsets(
    group: string,
    member: GroupMember | null,
    offsets: readonly PartitionOffset[],
  ): Promise<void>

  /**
   * null: an idempotent producer without transactions. CONCURRENT_TRANSACTIONS (retriable) while the
   * last transaction of the id is being completed or aborted.
   */
  initProducer(transactionalId: string | null, timeoutMs: number): Promise<ProducerIdentity>
  /** null: there is no such id, or the broker does not tell. */
  lastTransaction(transactionalId: string): Promise<TransactionState | null>
  /** Partitions in which a transaction of the producer is open; none of those that the broker does not tell about. */
  openPartitions(
    producerId: bigint,
    partitions: readonly TopicPartition[],
  ): Promise<readonly TopicPartition[]>
  addPartitions(transaction: Transaction, partitions: readonly TopicPartition[]): Promise<void>
  addOffsets(transaction: Transaction, group: string): Promise<void>
  commitTransactionOffsets(
    transaction: Transaction,
    group: string,
    offsets: readonly PartitionOffset[],
  ): Promise<void>
  /**
   * Again with the same outcome: nothing happens. A transaction to which nothing was added does not
   * exist for the broker: INVALID_TXN_STATE.
   */
  endTransaction(transaction: Transaction, outcome: 'commit' | 'abort'): Promise<void>

  joinGroup(request: JoinRequest): Promise<JoinResult>
  /** Assignments are given by the leader alone. @returns this member's assignment. */
  syncGroup(
    member: GroupMember,
    protocol: string,
    assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[],
  ): Promise<Uint8Array>
  heartbeat(member: GroupMember): Promise<void>
  leaveGroup(member: GroupMember): Promise<void>

  /** Its members; none for a group that does not exist. */
  describeGroup(group: string): Promise<readonly DescribedMember[]>

  /** Returns once they can be written to. TOPIC_ALREADY_EXISTS when one does; others may be made then. */
  createTopics(topics: readonly NewTopic[], options: { validateOnly: boolean }): Promise<void>
  createPartitions(topic: string, partitions: number): Promise<void>
  /** Also without those that do not exist. */
  deleteTopics(names: readonly string[]): Promise<void>
  /** By topic: the settings that hold for it, its own or the cluster's, without Kafka's defaults. */
  describeConfigs(
    topics: readonly string[],
  ): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>>
  /** Sets these, and leaves all other settings as they are. */
  alterConfigs(topic: string, config: Readonly<Record<string, string>>): Promise<void>
  /** Removes all records before the offsets. */
  deleteRecords(before: readonly PartitionOffset[]): Promise<void>
  /** Also without those that do not exist. NON_EMPTY_GROUP while one has members. */
  deleteGroups(groups: readonly string[]): Promise<void>

  /** Names of requests used here that the broker which answers does not know in any version. */
  unknownRequests(): Promise<readonly string[]>
  isKafka4(): Promise<boolean>
  /** The clock of the controller, epoch ms; null where it does not tell. Needs Describe on the cluster. */
  controllerTimeMs(): Promise<number | null>

  /** Ends all connections; requests under way fail. */
  close(): Promise<void>
}
