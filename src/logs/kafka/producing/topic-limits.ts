import type { Clock } from '../../../core/clock.ts'
import type { KafkaClient } from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'

/** What brokers take where nobody has set another limit (`message.max.bytes`). */
const defaultMaxBatchBytes = 1_048_588

/** Somebody may change the setting while we run. */
const keptMs = 5 * 60_000

interface Limit {
  readonly maxBatchBytes: number
  readonly readUs: number
}

/** How large one record batch of a topic may be: its `max.message.bytes`. */
export class TopicLimits {
  readonly #client: KafkaClient
  readonly #clock: Clock
  readonly #limits = new Map<string, Limit>()

  constructor(client: KafkaClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  /** Bytes of a batch with its header, as the broker counts them. @throws KafkaError */
  async maxBatchBytes(topic: string): Promise<number> {
    const known = this.#limits.get(topic)
    const nowUs = this.#clock.monotonicUs()
    if (known !== undefined && nowUs - known.readUs < keptMs * 1_000) return known.maxBatchBytes
    const maxBatchBytes = await this.#read(topic)
    this.#limits.set(topic, { maxBatchBytes, readUs: nowUs })
    return maxBatchBytes
  }

  async #read(topic: string): Promise<number> {
    try {
      const configs = await this.#client.describeConfigs([topic])
      const limit = Number(configs.get(topic)?.get('max.message.bytes') ?? defaultMaxBatchBytes)
      return Number.isSafeInteger(limit) && limit > 0 ? limit : defaultMaxBatchBytes
    } catch (error) {
      // Whoever may write to a topic need not be allowed to read its settings.
      if (error instanceof KafkaError && error.kind === 'config') return defaultMaxBatchBytes
      throw error
    }
  }
}
