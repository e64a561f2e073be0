import { z } from 'zod'
import { connectionName, duration, size, template } from '../../core/config-types.ts'
import { defineSource } from '../../core/endpoints.ts'
import { declarations, declareHelp, exchangeName, queueName } from '../rabbitmq/declare-queue.ts'
import { RabbitmqReader } from '../rabbitmq/rabbitmq-reader.ts'
import { resultSetting } from '../replies/result-setting.ts'

/** Servers count in 16 bits. */
const maxPrefetch = 65_535

const config = z.strictObject({
  connection: connectionName('rabbitmq').describe(
    'The RabbitMQ server, by its name in `connections`.',
  ),
  queue: queueName().describe('The queue that is read.'),
  declare: z.enum(declarations).default('quorum').describe(declareHelp),
  bind: z
    .array(
      z.strictObject({
        exchange: exchangeName().min(1).describe('An exchange that is there.'),
        routing_key: z.string().max(255).default('').describe('The key, or its pattern.'),
      }),
    )
    .max(1_000)
    .default([])
    .describe('Exchanges from which the queue gets messages.'),
  prefetch: z
    .int()
    .min(1)
    .max(maxPrefetch)
    .default(5_000)
    .describe(
      'How many messages the server sends before those ahead of them are stored: what may wait in memory. Of large messages fewer are asked for, some 32 MiB in all.',
    ),
  max_record: size()
    .prefault('16MiB')
    .describe('Longest message; of a longer one the first KiB is dead-lettered.'),
  dedupe: z
    .union([
      z.literal(false),
      z.strictObject({
        within: duration().prefault('10m').describe('How long an id is remembered.'),
        max: z
          .int()
          .min(1)
          .max(10_000_000)
          .default(100_000)
          .describe('How many ids are remembered.'),
      }),
    ])
    .prefault({})
    .describe(
      'Messages whose `message_id` was there before are left out and counted. false: all are taken, also those that the server sends again after a lost connection.',
    ),
  reply: z
    .union([
      z.strictObject({
        text: template().describe('The answer, once the message is stored.'),
      }),
      resultSetting({
        timeout: '30s',
        late: 'no answer is sent',
        failed: 'is answered with its error, as application/problem+json',
      }),
    ])
    .optional()
    .describe('Answers messages that have a `reply_to`, with their `correlation_id`.'),
})

export const rabbitmqSource = defineSource({
  type: 'rabbitmq',
  summary:
    'Reads a queue of RabbitMQ (AMQP 0-9-1). A message is acknowledged once its record is stored. The headers of the record are those of the message, without names that begin with `millrace-`, and `amqp-message-id`, `amqp-correlation-id`, `amqp-reply-to`, `amqp-content-type`, `amqp-content-encoding` and `amqp-type`; its event time is the time of the message. In expressions, `source` has queue, exchange, routing_key, redelivered, headers, message_id, correlation_id, reply_to, content_type, content_encoding, type, app_id, user_id and priority.',
  config,
  examples: [
    { title: 'A queue', config: { connection: 'main', queue: 'orders' } },
    {
      title: 'Answers with the result of the same message',
      config: {
        connection: 'main',
        queue: 'orders',
        reply: { from: 'orders.clean', timeout: '5s' },
      },
    },
    {
      title: 'A queue that others make, and a short answer',
      config: {
        connection: 'main',
        queue: 'orders',
        declare: 'passive',
        reply: { text: 'order ${value.order_id} is in' },
      },
    },
  ],
  bounded: () => false,
  files: () => [],
  replayable: true,
  guarantee: ({ dedupe }) => ({
    guarantee: 'at_least_once',
    why:
      dedupe === false
        ? 'A message is acknowledged after the commit of its record.'
        : `A message is acknowledged after the commit of its record, and its message_id is committed with it: one that comes again is left out, so that messages with an id are taken effectively once. The last ${dedupe.max} ids are remembered for ${dedupe.within / 1_000} s.`,
    afterCrash:
      dedupe === false
        ? 'What was stored and not yet acknowledged comes again.'
        : 'Of messages without a message_id, what was stored and not yet acknowledged comes again.',
    dropBy: 'the header amqp-message-id, or a field of the value that identifies it.',
  }),
  create(setting, environment, positions) {
    return new RabbitmqReader(setting, environment, positions)
  },
})
