import type { Clock, Random } from '../../core/clock.ts'
import type { KafkaClient } from './client/kafka-client.ts'
import type { KafkaError } from './client/kafka-error.ts'
import type { Fetcher } from './fetching/fetcher.ts'
import type { IdempotentProducer } from './producing/idempotent-producer.ts'
import type { TopicLimits } from './producing/topic-limits.ts'
import type { Codec } from './records/codec.ts'
import type { StateCaches } from './state/state-cache.ts'

/** What all parts of one open log share. */
export interface KafkaContext {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly random: Random
  /** For the inputs of tasks. */
  readonly fetcher: Fetcher
  /** For what is read now and then, so that it does not hold up the other one. */
  readonly scanner: Fetcher
  readonly limits: TopicLimits
  /** For everything that is written without a transaction. */
  readonly producer: IdempotentProducer
  readonly codec: Codec
  readonly timing: (topic: string) => boolean
  readonly notice: (message: string) => void
  /** Told that the cluster cannot be worked with for the moment, and (null) that it can again. */
  readonly onTrouble: (error: KafkaError | null) => void
  readonly isStillOwner: (taskId: string) => Promise<boolean>
  /** Aborts when the log is closed. */
  readonly closing: AbortSignal
  /** null: no state is kept on this machine. */
  readonly caches: StateCaches | null
}
