import { z } from 'zod'
import { connectionName } from '../../core/config-types.ts'
import {
  defineSource,
  type EndpointEnvironment,
  type KafkaSourceOptions,
  type ReadRequest,
  type Source,
  type SourceSlice,
} from '../../core/endpoints.ts'
import { openKafka } from '../kafka/open-kafka.ts'
import { topicName } from '../../core/topic-name.ts'

const maxGroupLength = 255

const config = z.strictObject({
  connection: connectionName('kafka').describe('The Kafka cluster, by its name in `connections`.'),
  topics: z
    .union([topicName(), z.array(topicName()).min(1)])
    .describe('A topic or a list of topics; also partitions that are added later are read.'),
  group: z
    .string()
    .min(1)
    .max(maxGroupLength)
    .optional()
    .describe(
      "A consumer group that is told the positions, so that Kafka's tools show the lag. It never says where to begin: Millrace keeps its own positions, with its commits.",
    ),
  start: z
    .enum(['earliest', 'latest'])
    .default('earliest')
    .describe('Where the first run begins; later ones go on where the last one stopped.'),
  bounded: z
    .boolean()
    .default(false)
    .describe(
      'true: the source ends where the partitions ended when the run began. The next run goes on from there.',
    ),
})

export const kafkaSource = defineSource({
  type: 'kafka',
  summary:
    'Reads topics of a Kafka cluster that is not the log: committed records, with their keys and headers. Their time is the event time; in expressions, `source` has topic, partition, offset and timestamp.',
  config,
  examples: [
    {
      title: 'Two topics, with a group for the tools of the cluster',
      config: { connection: 'main', topics: ['orders', 'returns'], group: 'millrace-orders' },
    },
    {
      title: 'What is there now, and then the end',
      config: { connection: 'main', topics: 'orders', bounded: true },
    },
  ],
  bounded: ({ bounded }) => bounded,
  files: () => [],
  replayable: true,
  guarantee: () => ({
    guarantee: 'exactly_once',
    why: 'The position in each partition is committed with the records that were read up to it, and only records of committed transactions are read.',
    afterCrash: null,
    dropBy: null,
  }),
  create({ connection, topics, group = null, start, bounded }, environment, positions) {
    const unique = [...new Set([topics].flat())]
    return new KafkaSource(
      { connection, topics: unique, group, start, bounded, positions },
      environment,
    )
  },
})

/** Stands for the source of the client until the first read has loaded that. */
class KafkaSource implements Source {
  readonly #options: KafkaSourceOptions
  readonly #environment: EndpointEnvironment
  #source: Source | null = null

  constructor(options: KafkaSourceOptions, environment: EndpointEnvironment) {
    this.#options = options
    this.#environment = environment
  }

  async read(request: ReadRequest): Promise<SourceSlice | null> {
    this.#source ??= (await openKafka(this.#environment)).source(this.#options)
    return this.#source.read(request)
  }

  committed(positions: SourceSlice['positions']): void {
    this.#source?.committed?.(positions)
  }

  lag(): number {
    return this.#source?.lag?.() ?? 0
  }

  async close(): Promise<void> {
    await this.#source?.close()
  }
}
