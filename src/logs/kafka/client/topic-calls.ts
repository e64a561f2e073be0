import type { Brokers } from './brokers.ts'
import type { Cluster } from './cluster.ts'
import { answeredError, worstError } from './error-codes.ts'
import type { KafkaClient, NewTopic, TopicMetadata } from './kafka-client.ts'
import { KafkaError } from './kafka-error.ts'
import { kafkaJsRequest, type ProtocolRequest } from './protocol-request.ts'
import type { PartitionCalls } from './partition-calls.ts'
import { alterTopicConfigRequest } from './topic-config-request.ts'

/** How long to wait until a broker knows of a change that the controller has made. */
const visibleMs = 10_000
const topicResource = 2
/** Where a setting comes from that nobody has set. */
const kafkaDefault = 5

type Calls = Pick<
  KafkaClient,
  'createTopics' | 'createPartitions' | 'deleteTopics' | 'describeConfigs' | 'alterConfigs'
>

type Answered = readonly {
  readonly topic: string
  readonly errorCode: number
  readonly errorMessage?: string | null
}[]

export interface TopicCallsOptions {
  readonly cluster: Cluster
  readonly brokers: Brokers
  readonly partitions: PartitionCalls
  readonly requestTimeoutMs: number
}

/** The requests that change topics. They return once the change can be seen. */
export class TopicCalls implements Calls {
  readonly #cluster: Cluster
  readonly #brokers: Brokers
  readonly #partitions: PartitionCalls
  readonly #timeoutMs: number

  constructor({ cluster, brokers, partitions, requestTimeoutMs }: TopicCallsOptions) {
    this.#cluster = cluster
    this.#brokers = brokers
    this.#partitions = partitions
    this.#timeoutMs = requestTimeoutMs
  }

  async createTopics(
    topics: readonly NewTopic[],
    { validateOnly }: { validateOnly: boolean },
  ): Promise<void> {
    if (topics.length === 0) return
    const input = {
      topics: topics.map(({ name, partitions, replication, config }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor: replication,
        configEntries: Object.entries(config).map((entry) => ({ name: entry[0], value: entry[1] })),
      })),
      validateOnly,
      timeout: this.#timeoutMs,
    }
    const request = kafkaJsRequest('CreateTopics', input, { brokerWaitMs: this.#timeoutMs })
    const { topicErrors } = await this.#askController(request)
    this.#check('creating', topicErrors)
    if (validateOnly) return
    const names = topics.map(({ name }) => name)
    await this.#until(async () => {
      const seen = await this.#cluster.describe(names)
      return seen.length === names.length && (await this.#areServed(seen))
    })
  }

  async createPartitions(topic: string, partitions: number): Promise<void> {
    const input = { topicPartitions: [{ topic, count: partitions }], timeout: this.#timeoutMs }
    const request = kafkaJsRequest('CreatePartitions', input, { brokerWaitMs: this.#timeoutMs })
    const { topicErrors } = await this.#askController(request)
    this.#check('adding partitions to', topicErrors)
    await this.#until(async () => {
      const seen = await this.#cluster.describe([topic])
      const count = seen[0]?.leaders.length ?? 0
      return count >= partitions && (await this.#areServed(seen))
    })
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    const input = { topics: names, timeout: this.#timeoutMs }
    const request = kafkaJsRequest('DeleteTopics', input, { brokerWaitMs: this.#timeoutMs })
    const { topicErrors } = await this.#askController(request)
    this.#cluster.forgetLeaders(names)
    const unknown = answeredError({ code: 3, what: '' })?.code
    this.#check('deleting', topicErrors, unknown)
    await this.#until(async () => (await this.#cluster.describe(names)).length === 0)
  }

  async describeConfigs(
    topics: readonly string[],
  ): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
    if (topics.length === 0) return new Map()
    const input = { resources: topics.map((name) => ({ type: topicResource, name })) }
    const request = kafkaJsRequest('DescribeConfigs', input, { repeatable: true })
    const { resources } = await this.#brokers.sendToAny(request)
    const answered = resources.map(({ resourceName, ...rest }) => ({
      topic: resourceName,
      ...rest,
    }))
    this.#check('reading the settings of', answered)
    return new Map(
      resources.map(({ resourceName, configEntries }) => {
        const set = configEntries.filter(({ configSource }) => configSource !== kafkaDefault)
        return [
          resourceName,
          new Map(set.map(({ configName, configValue }) => [configName, configValue ?? ''])),
        ]
      }),
    )
  }

  async alterConfigs(topic: string, config: Readonly<Record<string, string>>): Promise<void> {
    const error = await this.#askController(alterTopicConfigRequest(topic, config))
    if (error !== null) throw this.#seen(error)
  }

  async #askController<Answer>(request: ProtocolRequest<Answer>): Promise<Answer> {
    return this.#brokers.send(await this.#cluster.controller(), 'admin', request)
  }

  /** @param done the code of an error that says: there was nothing to do. */
  #check(doing: string, topics: Answered, done?: string): void {
    const errors = topics.map(({ topic, errorCode: code, errorMessage: said = null }) =>
      answeredError({ code, said, what: `${doing} the topic "${topic}"` }),
    )
    const worst = worstError(errors.map((error) => (error?.code === done ? null : error)))
    if (worst !== null) throw this.#seen(worst)
  }

  #seen(error: KafkaError): KafkaError {
    if (error.code === 'NOT_CONTROLLER') this.#cluster.forgetController()
    // The controller knows all topics: asking again would not help.
    if (error.code !== 'UNKNOWN_TOPIC_OR_PARTITION') return error
    const message = error.message.replace(` (${error.code})`, '')
    return new KafkaError({ code: error.code, kind: 'config' }, message)
  }

  /** The change has been made; where a broker does not come to know it in time, that is no error. */
  async #until(isDone: () => Promise<boolean>): Promise<void> {
    await this.#cluster.until(visibleMs, async () => {
      try {
        return (await isDone()) ? true : null
      } catch (error) {
        if (error instanceof KafkaError && error.kind === 'retriable') return null
        throw error
      }
    })
  }

  /** A broker knows that it leads a partition a moment before it takes requests for it. */
  async #areServed(topics: readonly TopicMetadata[]): Promise<boolean> {
    const partitions = topics.flatMap(({ name, leaders }) =>
      leaders.map((_, partition) => ({ topic: name, partition })),
    )
    await this.#partitions.listOffsets(partitions, 'latest', 'read_uncommitted')
    return true
  }
}
