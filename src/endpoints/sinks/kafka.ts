import { z } from 'zod'
import { connectionName } from '../../core/config-types.ts'
import {
  defineSink,
  type EndpointEnvironment,
  type KafkaSinkOptions,
  type Sink,
  type SinkMemory,
  type SinkReceipt,
} from '../../core/endpoints.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import { openKafka } from '../kafka/open-kafka.ts'
import { topicName } from '../../core/topic-name.ts'

const config = z.strictObject({
  connection: connectionName('kafka').describe('The Kafka cluster, by its name in `connections`.'),
  topic: topicName().describe('The topic; it has to be there.'),
  compression: z
    .enum(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
    .default('none')
    .describe('How batches of records are compressed.'),
  timestamp: z
    .enum(['event_time', 'ingest'])
    .default('event_time')
    .describe(
      'The time of the records in Kafka, which its retention goes by: when they happened, or when they came into the pipeline. Records without an event time have the latter.',
    ),
  timing_header: z
    .boolean()
    .default(false)
    .describe(
      'Whether records carry the header `millrace-timing`, by which another pipeline knows their exact event time.',
    ),
})

export const kafkaSink = defineSink({
  type: 'kafka',
  summary:
    "Writes to a topic of a Kafka cluster that is not the log, with key and headers; `key:` of the stage sets the key. Equal keys go to the partition that Kafka's Java producer chooses, records without a key to all in turn.",
  config,
  examples: [
    {
      title: 'A topic, compressed',
      config: { connection: 'main', topic: 'orders.totals', compression: 'zstd' },
    },
  ],
  delivery: 'at_least_once',
  guarantee: () => ({
    guarantee: 'at_least_once',
    why: 'The records are stored by all replicas in sync first, then the position is committed. A lost answer repeats nothing: the producer is idempotent.',
    afterCrash:
      'The records since the last commit are written again, with the same keys, values and headers.',
    dropBy: 'a field of the value that identifies it: Kafka has no id for records.',
  }),
  remembers: false,
  singleTask: () => false,
  files: () => [],
  // What others may have read stays.
  reset: async () => {},
  create({ connection, topic, compression, timestamp, timing_header: timingHeader }, environment) {
    return new KafkaSink({ connection, topic, compression, timestamp, timingHeader }, environment)
  },
})

/** Stands for the sink of the client until that is loaded. */
class KafkaSink implements Sink {
  readonly #options: KafkaSinkOptions
  readonly #environment: EndpointEnvironment
  #sink: Sink | null = null

  constructor(options: KafkaSinkOptions, environment: EndpointEnvironment) {
    this.#options = options
    this.#environment = environment
  }

  async begin(): Promise<SinkMemory> {
    return (await this.#opened()).begin()
  }

  async write(batch: RecordBatch, signal: AbortSignal): Promise<SinkReceipt> {
    return (await this.#opened()).write(batch, signal)
  }

  async close(): Promise<void> {
    await this.#sink?.close()
  }

  async #opened(): Promise<Sink> {
    this.#sink ??= (await openKafka(this.#environment)).sink(this.#options)
    return this.#sink
  }
}
