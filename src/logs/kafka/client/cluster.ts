import type { Clock } from '../../../core/clock.ts'
import type { TopicPartition } from '../../../core/log.ts'
import type { BrokerAddress } from './broker-connection.ts'
import type { Brokers } from './brokers.ts'
import { answeredError, saysCoordinatorMoved, saysLeaderMoved } from './error-codes.ts'
import type { NodeId, TopicMetadata } from './kafka-client.ts'
import { KafkaError } from './kafka-error.ts'
import { type ClusterDescription, metadataRequest } from './metadata-request.ts'
import { kafkaJsRequest } from './protocol-request.ts'

const maxAgeUs = 5 * 60 * 1_000_000
/** How long a topic may be unknown to the broker that is asked, after another one has made it. */
const unknownTopicMs = 2_000
/** The first coordinator of a new cluster makes its topic first. */
const findCoordinatorMs = 15_000
const minPauseMs = 20
const maxPauseMs = 500

const coordinatorTypes = { group: 0, transaction: 1 } as const
export type CoordinatorType = keyof typeof coordinatorTypes

interface KnownTopic {
  readonly leaders: readonly (NodeId | null)[]
  readonly untilUs: number
}

/** Who leads what: partitions, groups, transactions, the cluster. Asked when needed, and remembered. */
export class Cluster {
  readonly #brokers: Brokers
  readonly #clock: Clock
  readonly #topics = new Map<string, KnownTopic>()
  readonly #asking = new Map<string, Promise<readonly (NodeId | null)[]>>()
  readonly #coordinators = new Map<string, Promise<BrokerAddress>>()
  #controller: NodeId = -1
  /** Ends the pauses between questions. */
  readonly #closing: AbortSignal

  constructor(brokers: Brokers, clock: Clock, closing: AbortSignal) {
    this.#brokers = brokers
    this.#clock = clock
    this.#closing = closing
  }

  /** Learns the brokers; null: with all topics. Topics that do not exist are left out. */
  async describe(names: readonly string[] | null): Promise<readonly TopicMetadata[]> {
    const { topics } = await this.#ask(names)
    return topics.flatMap(({ errorCode, name, id, leaders, replication }) => {
      const error = answeredError({ code: errorCode, what: `describing the topic "${name}"` })
      if (error?.code === 'UNKNOWN_TOPIC_OR_PARTITION') return []
      if (error !== null && error.code !== 'LEADER_NOT_AVAILABLE') throw error
      return [{ name, id, leaders, replication }]
    })
  }

  async leaderOf({ topic, partition }: TopicPartition): Promise<NodeId> {
    const known = this.#topics.get(topic)
    const isNew = known !== undefined && known.untilUs > this.#clock.monotonicUs()
    const leaders =
      isNew && typeof known.leaders[partition] === 'number'
        ? known.leaders
        : await this.#askLeaders(topic)
    const leader = leaders[partition]
    const what = `looking for the leader of "${topic}/${partition}"`
    if (leader === undefined) {
      throw new KafkaError(
        { code: 'UNKNOWN_TOPIC_OR_PARTITION', kind: 'config' },
        leaders.length === 0
          ? `${what}: there is no such topic on this cluster: create it, or correct its name`
          : `${what}: the topic has ${leaders.length} partitions`,
      )
    }
    if (leader === null) throw answeredError({ code: 5, what })!
    return leader
  }

  /** @throws KafkaError when the node is no longer one of the cluster. */
  async addressOf(node: NodeId): Promise<BrokerAddress> {
    const address = this.#brokers.node(node)
    if (address !== null) return address
    await this.#ask([])
    const found = this.#brokers.node(node)
    if (found !== null) return found
    throw answeredError({ code: 8, what: `looking for broker ${node}` })!
  }

  async controller(): Promise<BrokerAddress> {
    if (this.#controller < 0) await this.#ask([])
    return this.addressOf(this.#controller)
  }

  coordinator(type: CoordinatorType, id: string): Promise<BrokerAddress> {
    const key = `${type} ${id}`
    const known = this.#coordinators.get(key)
    if (known !== undefined) return known
    const asked = this.#findCoordinator(type, id)
    this.#coordinators.set(key, asked)
    asked.catch(() => {
      if (this.#coordinators.get(key) === asked) this.#coordinators.delete(key)
    })
    return asked
  }

  forgetLeaders(topics: readonly string[]): void {
    for (const topic of topics) this.#topics.delete(topic)
  }

  forgetController(): void {
    this.#controller = -1
  }

  /** Looks at an error of a leader, and forgets the leader if it says so. */
  sawLeaderError(topic: string, error: KafkaError | null): void {
    if (saysLeaderMoved(error)) this.#topics.delete(topic)
  }

  /** Looks at an error of a coordinator, and forgets the coordinator if it says so. */
  sawCoordinatorError(type: CoordinatorType, id: string, error: KafkaError | null): void {
    if (saysCoordinatorMoved(error)) this.#coordinators.delete(`${type} ${id}`)
  }

  /** A broker cannot be reached: whatever it was responsible for may have moved. */
  forgetBroker(address: string): void {
    this.#controller = -1
    this.#topics.clear()
    for (const [key, asked] of this.#coordinators) {
      asked.then(
        (coordinator) => {
          if (coordinator.address === address && this.#coordinators.get(key) === asked) {
            this.#coordinators.delete(key)
          }
        },
        () => {},
      )
    }
  }

  async #ask(names: readonly string[] | null): Promise<ClusterDescription> {
    const described = await this.#brokers.sendToAny(metadataRequest(names))
    this.#brokers.learn(described.brokers)
    this.#controller = described.controllerId
    const untilUs = this.#clock.monotonicUs() + maxAgeUs
    for (const { name, errorCode, leaders } of described.topics) {
      if (errorCode === 0) this.#topics.set(name, { leaders, untilUs })
      else this.#topics.delete(name)
    }
    return described
  }

  #askLeaders(topic: string): Promise<readonly (NodeId | null)[]> {
    const asking = this.#asking.get(topic)
    if (asking !== undefined) return asking
    const asked = this.#findLeaders(topic).finally(() => this.#asking.delete(topic))
    this.#asking.set(topic, asked)
    return asked
  }

  /** @returns none when there is no such topic. */
  async #findLeaders(topic: string): Promise<readonly (NodeId | null)[]> {
    const found = await this.until(unknownTopicMs, async () => {
      const [described] = await this.describe([topic])
      return described?.leaders ?? null
    })
    return found ?? []
  }

  async #findCoordinator(type: CoordinatorType, id: string): Promise<BrokerAddress> {
    const input = { groupId: id, coordinatorType: coordinatorTypes[type] }
    const what = `looking for the coordinator of the ${type === 'group' ? 'group' : 'transactional id'} "${id}"`
    let missing: KafkaError | null = null
    const found = await this.until(findCoordinatorMs, async () => {
      const request = kafkaJsRequest('GroupCoordinator', input, { repeatable: true })
      const { errorCode, errorMessage, coordinator } = await this.#brokers.sendToAny(request)
      missing = answeredError({ code: errorCode, what, said: errorMessage })
      if (missing === null) return this.#brokers.at(coordinator.host, coordinator.port)
      if (missing.kind !== 'retriable') throw missing
      return null
    })
    if (found !== null) return found
    throw missing!
  }

  /** Asks again, with pauses, while the answer is null; null when the time is up. */
  async until<T>(limitMs: number, ask: () => Promise<T | null>): Promise<T | null> {
    const endUs = this.#clock.monotonicUs() + limitMs * 1_000
    for (let pauseMs = minPauseMs; ; pauseMs = Math.min(pauseMs * 2, maxPauseMs)) {
      const answer = await ask()
      if (answer !== null || this.#closing.aborted) return answer
      if (this.#clock.monotonicUs() + pauseMs * 1_000 > endUs) return null
      await this.#clock.sleep(pauseMs, this.#closing)
    }
  }
}
