import { z } from 'zod'
import { duration } from '../core/config-types.ts'
import {
  eventTime,
  name,
  onError,
  retry,
  stage,
  topicName,
  type ComponentSchemas,
} from './stage-schema.ts'
import { pipelineTest } from './test-schema.ts'

const defaultPartitions = 4
const maxPartitions = 1_024

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
      .enum(['delete'])
      .default('delete')
      .describe('What becomes of records after `retention`.'),
  })
}

function defaults() {
  return z.strictObject({
    retry: retry().optional().describe('`retry` of each stage that has none.'),
    on_error: onError().optional().describe('`on_error` of each stage that has none.'),
    event_time: eventTime().optional(),
  })
}

const logPattern = /^(?:embedded|kafka:\/\/[^\s/]+)$/

/** The schema of a whole pipeline file. */
export function pipelineSchema(components: ComponentSchemas) {
  return z.strictObject({
    pipeline: name().describe('The name of the pipeline.'),
    description: z.string().optional().describe('What it is for, in a sentence.'),
    namespace: z
      .union([z.literal(''), name()])
      .default('')
      .describe('Set before the names of consumer groups, internal topics and transactions.'),
    log: z
      .string()
      .regex(logPattern, 'a log is "embedded" or "kafka://HOST:PORT"')
      .optional()
      .describe(
        'Where topics live: `embedded` or `kafka://HOST:PORT`; the command line can say it too.',
      ),
    topics: z
      .record(topicName(), topicSettings().nullable().describe('Settings of the topic.'))
      .optional()
      .describe('Settings of topics; a topic that is not listed gets the defaults.'),
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
