import type { Clock, Random } from '../../../core/clock.ts'
import type { KafkaClient } from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import type { Codec } from '../records/codec.ts'
import { unlessAborted } from '../../../core/unless-aborted.ts'
import { BatchSender, type ProducedBatch, type SendVerdict } from './batch-sender.ts'
import type { TopicLimits } from './topic-limits.ts'

export interface IdempotentProducerOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly random: Random
  readonly limits: TopicLimits
  readonly codec: Codec
  /** Whether records of the topic carry the timing header. */
  readonly timing: (topic: string) => boolean
  /** Told when records cannot be written for the moment, and (null) when they can again. */
  readonly onTrouble?: (error: KafkaError | null) => void
  /** Requests on their way to one broker: 1 to 5. */
  readonly maxInFlight?: number
}

/** Not of a transaction, so nothing is waited for. */
const noTimeoutMs = 60_000

/**
 * Writes at least once, and once where only connections are lost: brokers drop what they have already by
 * producer id and sequence number. One for all tasks of a process: what they write at the same time
 * travels together.
 */
export class IdempotentProducer {
  readonly #sender: BatchSender

  constructor(options: IdempotentProducerOptions) {
    const { client } = options
    this.#sender = new BatchSender({
      ...options,
      transactionalId: null,
      // Each partition has a producer id of its own after an error: nothing else has to be stopped for it.
      identify: () => client.initProducer(null, noTimeoutMs),
      judge,
    })
  }

  /**
   * Returns when all records are stored. Tries again for ever what may help itself; on an error that
   * does not, or when `signal` aborts, some of the records may have been stored.
   * @throws KafkaError of kind `config` or `fatal`; CLOSED after `close`, and when `signal` aborts.
   */
  async send(outputs: readonly ProducedBatch[], signal: AbortSignal): Promise<void> {
    const delivery = this.#sender.send(outputs)
    await unlessAborted(delivery.done, signal)
    if (signal.aborted) delivery.failed(stopped())
    await delivery.done
  }

  /** Fails the sends that are not done. */
  close(): void {
    this.#sender.close(stopped())
  }
}

function stopped(): KafkaError {
  return new KafkaError({ code: 'CLOSED', kind: 'fatal' }, 'writing was stopped')
}

function judge(error: KafkaError): SendVerdict {
  switch (error.kind) {
    case 'retriable':
    case 'indefinite':
    case 'rebalance':
      return 'again'
    // The broker misses batches before this one, or has forgotten the producer: what it has is not known.
    case 'abortable':
    case 'fenced':
      return 'new'
    case 'config':
    case 'fatal':
      return 'fail'
  }
}
