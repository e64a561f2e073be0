import { z } from 'zod'
import { topicName } from '../core/topic-name.ts'
import { duration } from '../core/config-types.ts'
import { brokersOfUrl, isKafkaUrl } from '../core/kafka-connection.ts'
import {
  delivery,
  eventTime,
  name,
  onError,
  retry,
  stage,
  type ComponentSchemas,
} from './stage-schema.ts'
import { tableSettings } from './table-schema.ts'
import { pipelineTest } from './test-schema.ts'
import { tracing } from './tracing-schema.ts'

const defaultPartitions = 4
const maxPartitions = 1_024
const maxReplication = 32

export function topicSettings() {
  return z.strictObject({
    partitions: z
      .int()
      .min(1)
      .max(maxPartitions)
      .default(defaultPartitions)
      .describe('Parts that can be worked on in parallel; fixed when the topic is created.'),
    retention: duration().prefault('7d').describe('How long records are kept.'),
    cleanup: z
      .enum(['delete', 'compact'])
      .default('delete')
      .describe(
        'delete: records are removed after `retention`; compact (Kafka only): the last record of each key is kept.',
      ),
    replication: z
      .int()
      .min(1)
      .max(maxReplication)
      .optional()
      .describe(
        'On Kafka: copies of each partition, fixed when the topic is created; by default what the brokers say.',
      ),
  })
}

function defaults() {
  return z.strictObject({
    retry: retry().optional().describe('`retry` of each stage that has none.'),
    on_error: onError().optional().describe('`on_error` of each stage that has none.'),
    delivery: delivery()
      .optional()
      .describe('`delivery` of each stage that has none and keeps no state.'),
    event_time: eventTime().optional(),
  })
}

const logPattern = /^(?:embedded|kafka:\/\/.*)$/

function log() {
  const text = z
    .string()
    .regex(logPattern, 'a log is "embedded" or "kafka://HOST:PORT"')
    .superRefine((value, context) => {
      const brokers = isKafkaUrl(value) ? brokersOfUrl(value) : []
      if (typeof brokers === 'string') context.addIssue({ code: 'custom', message: brokers })
    })
  const connection = z.strictObject({
    kafka: name().describe('The Kafka cluster, by its name in `connections`.'),
  })
  return z.union([text, connection])
}

/** The schema of a whole pipeline file. */
export function pipelineSchema(components: ComponentSchemas) {
  return z.strictObject({
    pipeline: name().describe('The name of the pipeline.'),
    description: z.string().optional().describe('What it is for, in a sentence.'),
    namespace: z
      .union([z.literal(''), name()])
      .default('')
      .describe('Set before the names of consumer groups, internal topics and transactions.'),
    log: log()
      .optional()
      .describe(
        'Where topics live: `embedded`, `kafka://HOST:PORT,HOST:PORT`, or a connection; the command line (`--log`) and MILLRACE_LOG come first.',
      ),
    connections: z
      .record(name(), components.connection)
      .optional()
      .describe('Servers by name, with how they are reached.'),
    topics: z
      .record(topicName(), topicSettings().nullable().describe('Settings of the topic.'))
      .optional()
      .describe('Settings of topics; a topic that is not listed gets the defaults.'),
    tables: z
      .record(name(), tableSettings())
      .optional()
      .describe('What the step `lookup` looks values up in, by name.'),
    tracing: tracing()
      .optional()
      .describe('Which records are traced. Spans are sent where the `OTEL_*` variables say.'),
    defaults: defaults().optional().describe('Settings of each stage that does not say otherwise.'),
    stages: z
      .array(
        stage(components).describe(
          'One part of the pipeline, from a source or topic to a topic or sink.',
        ),
      )
      .min(1)
      .describe('The parts of the pipeline; each works at its own pace.'),
    tests: z
      .array(pipelineTest(components.testStep).describe('A test of the whole pipeline.'))
      .optional()
      .describe('Tests of the pipeline, run by `millrace test`.'),
  })
}

export type PipelineFile = z.output<ReturnType<typeof pipelineSchema>>
