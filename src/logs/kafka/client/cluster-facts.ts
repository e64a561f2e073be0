import { type ApiName, apiKeys } from './api-keys.ts'
import type { Brokers } from './brokers.ts'
import type { Cluster } from './cluster.ts'
import { answeredError } from './error-codes.ts'
import type { KafkaClient } from './kafka-client.ts'
import { kafkaJsRequest, ownRequest, type ProtocolRequest } from './protocol-request.ts'

type Calls = Pick<KafkaClient, 'unknownRequests' | 'isKafka4' | 'controllerTimeMs'>

const metadataTopic = '__cluster_metadata'
/** The first version (Kafka 3.3) that tells when a replica was last caught up; for the leader that is now. */
const quorumVersion = 1
/** Work goes on without them: what people want to know, and what looks for defects of brokers. */
const optional: ReadonlySet<ApiName> = new Set([
  'DescribeQuorum',
  'DescribeProducers',
  'DescribeTransactions',
])
/** Kafka 4.0 has dropped the older versions of Fetch. */
const fetchOf4 = 4

/** What there is to know about the cluster as a whole. */
export class ClusterFacts implements Calls {
  readonly #brokers: Brokers
  readonly #cluster: Cluster

  constructor(cluster: Cluster, brokers: Brokers) {
    this.#cluster = cluster
    this.#brokers = brokers
  }

  async unknownRequests(): Promise<readonly string[]> {
    const known = new Set((await this.#versions()).map(({ apiKey }) => apiKey))
    const names = Object.keys(apiKeys) as ApiName[]
    return names.filter((name) => !optional.has(name) && !known.has(apiKeys[name]))
  }

  async isKafka4(): Promise<boolean> {
    const fetch = (await this.#versions()).find(({ apiKey }) => apiKey === apiKeys.Fetch)
    return fetch !== undefined && fetch.minVersion >= fetchOf4
  }

  async controllerTimeMs(): Promise<number | null> {
    await this.#cluster.describe([])
    return this.#brokers.sendToAny(quorumTimeRequest())
  }

  async #versions() {
    const request = kafkaJsRequest('ApiVersions', undefined, { repeatable: true })
    return (await this.#brokers.sendToAny(request)).apiVersions
  }
}

/** The clock of the leader of the metadata; null where it does not tell. */
function quorumTimeRequest(): ProtocolRequest<number | null> {
  return ownRequest('DescribeQuorum', {
    version: quorumVersion,
    flexible: true,
    repeatable: true,
    body: (writer) =>
      writer
        .compactArray([metadataTopic], (topic) =>
          writer
            .compactString(topic)
            .compactArray([0], (partition) => writer.int32(partition).noTags())
            .noTags(),
        )
        .noTags(),
    read: (answer) => {
      const what = 'asking for the clock of the controller'
      const error = answeredError({ code: answer.int16(), what })
      if (error !== null) throw error
      const times = answer.compactArray(1, () => {
        answer.compactString()
        const partitions = answer.compactArray(24, () => {
          answer.int32()
          answer.int16()
          const leader = answer.int32()
          answer.int32()
          answer.int64()
          const voters = answer.compactArray(28, () => {
            const id = answer.int32()
            answer.int64()
            answer.int64()
            const caughtUpMs = Number(answer.int64())
            answer.skipTags()
            return { id, caughtUpMs }
          })
          answer.compactArray(28, () => {
            answer.int32()
            answer.int64()
            answer.int64()
            answer.int64()
            answer.skipTags()
          })
          answer.skipTags()
          return voters.find(({ id }) => id === leader)?.caughtUpMs ?? null
        })
        answer.skipTags()
        return partitions[0] ?? null
      })
      const timeMs = times[0] ?? null
      return timeMs !== null && timeMs > 0 ? timeMs : null
    },
  })
}
