import { Brokers } from './brokers.ts'
import { ClusterFacts } from './cluster-facts.ts'
import { Cluster } from './cluster.ts'
import { connectionOptions, type KafkaClientOptions, unusable } from './connect-options.ts'
import { GroupCalls } from './group-calls.ts'
import type { KafkaClient } from './kafka-client.ts'
import { PartitionCalls } from './partition-calls.ts'
import { TopicCalls } from './topic-calls.ts'
import { TransactionCalls } from './transaction-calls.ts'

/**
 * Reaches one of the brokers and learns the others from it.
 * @throws KafkaError of kind `config` for options, addresses, certificates or a login that need
 *   correcting; of kind `retriable` when no broker can be reached.
 */
export async function connectKafka(options: KafkaClientOptions): Promise<KafkaClient> {
  if (options.brokers.length === 0) throw unusable('no address of a Kafka broker is given')
  const connection = connectionOptions(options)
  const { clock, requestTimeoutMs } = connection
  const closing = new AbortController()
  const brokers = new Brokers(options.brokers, connection, (address) => {
    cluster.forgetBroker(address)
  })
  const cluster = new Cluster(brokers, clock, closing.signal)
  const groups = new GroupCalls(cluster, brokers)
  const partitions = new PartitionCalls(cluster, brokers, requestTimeoutMs)
  const topics = new TopicCalls({ cluster, brokers, partitions, requestTimeoutMs })
  const transactions = new TransactionCalls(cluster, brokers)
  const facts = new ClusterFacts(cluster, brokers)
  const close = () => {
    closing.abort()
    brokers.close()
    return Promise.resolve()
  }
  try {
    await cluster.describe([])
  } catch (error) {
    await close()
    throw error
  }
  return {
    describeTopics: (names) => cluster.describe(names),
    leaderOf: (partition) => cluster.leaderOf(partition),
    forgetLeaders: (names) => cluster.forgetLeaders(names),
    produce: (node, request) => partitions.produce(node, request),
    fetch: (node, request, signal) => partitions.fetch(node, request, signal),
    listOffsets: (...args) => partitions.listOffsets(...args),
    fetchOffsets: (group, ofGroup) => groups.fetchOffsets(group, ofGroup),
    commitOffsets: (...args) => groups.commitOffsets(...args),
    initProducer: (id, timeoutMs) => transactions.initProducer(id, timeoutMs),
    lastTransaction: (id) => transactions.lastTransaction(id),
    openPartitions: (id, among) => partitions.openPartitions(id, among),
    addPartitions: (transaction, added) => transactions.addPartitions(transaction, added),
    addOffsets: (transaction, group) => transactions.addOffsets(transaction, group),
    commitTransactionOffsets: (...args) => transactions.commitTransactionOffsets(...args),
    endTransaction: (transaction, outcome) => transactions.endTransaction(transaction, outcome),
    joinGroup: (request) => groups.joinGroup(request),
    syncGroup: (...args) => groups.syncGroup(...args),
    heartbeat: (member) => groups.heartbeat(member),
    leaveGroup: (member) => groups.leaveGroup(member),
    describeGroup: (group) => groups.describeGroup(group),
    createTopics: (created, choice) => topics.createTopics(created, choice),
    createPartitions: (topic, count) => topics.createPartitions(topic, count),
    deleteTopics: (names) => topics.deleteTopics(names),
    describeConfigs: (names) => topics.describeConfigs(names),
    alterConfigs: (topic, config) => topics.alterConfigs(topic, config),
    deleteRecords: (before) => partitions.deleteRecords(before),
    deleteGroups: (names) => groups.deleteGroups(names),
    unknownRequests: () => facts.unknownRequests(),
    isKafka4: () => facts.isKafka4(),
    controllerTimeMs: () => facts.controllerTimeMs(),
    close,
  }
}
