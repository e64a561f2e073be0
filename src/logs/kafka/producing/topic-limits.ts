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

/** What Kafka's format and the timing header take of one record alone, beyond its bytes and the writer's id. */
const framingBytes = 192

/**
 * How large one record batch of a topic may be: its `max.message.bytes`, or less where a broker has refused
 * less.
 */
export class TopicLimits {
  readonly #client: KafkaClient
  readonly #clock: Clock
  readonly #limits = new Map<string, Limit>()
  readonly #asking = new Map<string, Promise<number>>()

  constructor(client: KafkaClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  /** Bytes of a batch with its header, as the broker counts them. @throws KafkaError */
  async maxBatchBytes(topic: string): Promise<number> {
    const known = this.#limits.get(topic)
    const nowUs = this.#clock.monotonicUs()
    if (known !== undefined && nowUs - known.readUs < keptMs * 1_000) return known.maxBatchBytes
    // All tasks of a stage ask at the same time.
    const asking = this.#asking.get(topic)
    if (asking !== undefined) return asking
    const asked = this.#ask(topic, nowUs).finally(() => this.#asking.delete(topic))
    this.#asking.set(topic, asked)
    return asked
  }

  async #ask(topic: string, readUs: number): Promise<number> {
    const maxBatchBytes = await this.#read(topic)
    this.#limits.set(topic, { maxBatchBytes, readUs })
    return maxBatchBytes
  }

  /** As known last; undefined when it was never asked for. */
  known(topic: string): number | undefined {
    return this.#limits.get(topic)?.maxBatchBytes
  }

  /** Bytes of key, value and headers of one record that is sure to be taken. @throws KafkaError */
  async maxRecordBytes(topic: string, writer: string): Promise<number> {
    const batchBytes = await this.maxBatchBytes(topic)
    return Math.max(0, batchBytes - framingBytes - Buffer.byteLength(writer))
  }

  /** A broker did not take a batch of so many bytes: the setting was changed, or may not be read. */
  refused(topic: string, batchBytes: number): void {
    const known = this.#limits.get(topic)
    if (known !== undefined && known.maxBatchBytes < batchBytes) return
    const limit = { maxBatchBytes: batchBytes - 1, readUs: this.#clock.monotonicUs() }
    this.#limits.set(topic, limit)
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
