import { z } from 'zod'
import { duration, expression } from '../core/config-types.ts'
import { hookEvents, type HookEventName } from '../core/hook.ts'
import { deliveries } from './pipeline-spec.ts'
import { outputs } from './stage-outputs.ts'
import { topicName } from './topic-name.ts'

/** Schemas of what a stage can name; plain `z.unknown()` while the frame of a file is checked. */
export interface ComponentSchemas {
  readonly step: z.ZodType
  readonly source: z.ZodType
  readonly sink: z.ZodType
  readonly listeners: z.ZodType
  readonly connection: z.ZodType
  readonly testStep: z.ZodType
}

const namePattern = /^[a-z][a-z0-9-]*$/
const maxNameLength = 63

/** The name of a pipeline or stage. */
export function name() {
  return z
    .string()
    .regex(namePattern, 'a name has small letters, digits and "-", and begins with a letter')
    .max(maxNameLength)
}

/** Keys that the state of a step may hold. */
export const defaultMaxKeys = 10_000_000

export const retryDefaults = { max: 3, initial: '100ms', maxPause: '10s' } as const

export function retry() {
  return z.strictObject({
    max: z
      .int()
      .min(0)
      .optional()
      .describe(`Attempts in which the peer may reject a record. Default ${retryDefaults.max}.`),
    backoff: z
      .strictObject({
        initial: duration()
          .optional()
          .describe(`The first pause. Default ${retryDefaults.initial}.`),
        max: duration()
          .optional()
          .describe(`The longest pause. Default ${retryDefaults.maxPause}.`),
      })
      .optional()
      .describe('Pauses between attempts: each is twice the one before.'),
  })
}

const maxConcurrency = 1_024

function concurrency() {
  return z
    .int()
    .min(1)
    .max(maxConcurrency)
    .optional()
    .describe(
      'So many records of different keys are worked on at once in asynchronous steps, in each task; those of one key one after the other, and results keep the order of the input. Default 8; of `exec`, where it is so many processes, 1.',
    )
}

export function delivery() {
  return z.enum(deliveries)
}

export function onError() {
  return z.enum(['dlq', 'skip', 'stop'])
}

export function eventTime() {
  return expression().describe(
    'The time at which the record happened: ISO 8601 (without a zone: UTC) or epoch milliseconds.',
  )
}

const eventNames = Object.keys(hookEvents) as [HookEventName, ...HookEventName[]]

function eventName() {
  return z.enum(eventNames).meta({ format: 'event' })
}

function hook(listeners: z.ZodType) {
  return z.strictObject({
    on: z
      .union([eventName(), z.array(eventName()).min(1)])
      .describe('The event, or a list of events, that the hook listens to.'),
    when: expression()
      .optional()
      .describe('Only events for which this holds; over `event` and `value`.'),
    do: listeners.describe('What is done: listeners by name, each with its setting.'),
  })
}

function stateLimit() {
  return z.strictObject({
    max_keys: z
      .int()
      .min(1)
      .default(defaultMaxKeys)
      .describe('Keys that the state of a step may hold.'),
    at_limit: z.enum(['stop']).default('stop').describe('What happens when it is full.'),
  })
}

export function stage(components: ComponentSchemas) {
  return z.strictObject({
    name: name().describe('Unique in the pipeline; consumer group and topics are named after it.'),
    source: components.source
      .optional()
      .describe('Where records come from, outside of the topics.'),
    from: z
      .union([topicName(), z.array(topicName()).min(1)])
      .optional()
      .describe('The topic, or a list of topics, that the stage reads.'),
    steps: z
      .array(components.step)
      .optional()
      .describe('What is done with each record, in this order.'),
    key: expression()
      .optional()
      .describe('The key of the output, evaluated after the steps; left out, the input key stays.'),
    to: outputs()
      .optional()
      .describe(
        'The topic that the stage writes; or several by name, among which the step `route` chooses, with `otherwise` for the rest; or a template of the topic with those that it may give.',
      ),
    sink: components.sink.optional().describe('Where records go, outside of the topics.'),
    event_time: eventTime().optional(),
    start: z
      .enum(['earliest', 'latest'])
      .default('earliest')
      .describe('Where a stage begins that has not read the topic before.'),
    on_error: onError()
      .optional()
      .describe(
        'What becomes of a record that fails: the dead-letter topic (dlq, the default), counted and dropped, or the stage stops.',
      ),
    delivery: delivery()
      .optional()
      .describe(
        'On Kafka: exactly_once (the default) commits in transactions; at_least_once is faster, and a crash repeats some records. A stage that keeps state commits exactly once, and so does everything on the embedded log.',
      ),
    concurrency: concurrency(),
    retry: retry().optional().describe('How often a peer is tried again that rejects a record.'),
    idle: duration()
      .prefault('30s')
      .describe('After this long without records a writer no longer holds back the time.'),
    max_future: duration()
      .prefault('1h')
      .describe('A record whose event time is further ahead of its arrival than this fails.'),
    limits: z
      .strictObject({
        lag: z
          .int()
          .min(1)
          .optional()
          .describe('Waiting records above which `lag_exceeded` is told.'),
        delay: duration().optional().describe('Waiting time above which `delay_exceeded` is told.'),
      })
      .optional()
      .describe('Thresholds of the events `lag_exceeded` and `delay_exceeded`.'),
    state: stateLimit().optional().describe('The limit of what steps remember.'),
    dlq: topicName()
      .optional()
      .describe('Another dead-letter topic than `<pipeline>.<stage>.dlq`.'),
    late: topicName()
      .optional()
      .describe('Another topic for late records than `<pipeline>.<stage>.late`.'),
    hooks: z
      .array(hook(components.listeners))
      .optional()
      .describe('What is done when something happens in the stage.'),
  })
}
