import { z } from 'zod'
import { connectionName, template } from '../../core/config-types.ts'
import { defineSink } from '../../core/endpoints.ts'
import { declarations, declareHelp, exchangeName, queueName } from '../rabbitmq/declare-queue.ts'
import { RabbitmqWriter } from '../rabbitmq/rabbitmq-writer.ts'

const config = z
  .strictObject({
    connection: connectionName('rabbitmq').describe(
      'The RabbitMQ server, by its name in `connections`.',
    ),
    queue: queueName()
      .optional()
      .describe('The queue that is written to; either this or `exchange`.'),
    declare: z.enum(declarations).default('quorum').describe(declareHelp),
    exchange: exchangeName().min(1).optional().describe('The exchange; it has to be there.'),
    routing_key: template()
      .optional()
      .describe('With `exchange`: the routing key of each message; by default empty.'),
    mandatory: z
      .boolean()
      .default(true)
      .describe(
        'A message that reaches no queue fails its record; false: the server drops it without a word.',
      ),
    content_type: z
      .string()
      .min(1)
      .max(255)
      .default('application/json')
      .describe('The content type of the messages.'),
    in_flight: z
      .int()
      .min(1)
      .max(65_535)
      .default(1_000)
      .describe('How many messages may be on their way without a confirmation.'),
  })
  .superRefine(({ queue, exchange, routing_key: key }, context) => {
    if ((queue === undefined) === (exchange === undefined)) {
      const message = 'messages go either to a "queue" or to an "exchange": give one of them'
      context.addIssue({ code: 'custom', path: [], message })
    } else if (exchange === undefined && key !== undefined) {
      const message = 'a routing key goes with "exchange"; messages to a "queue" have its name'
      context.addIssue({ code: 'custom', path: ['routing_key'], message })
    }
  })

export const rabbitmqSink = defineSink({
  type: 'rabbitmq',
  summary:
    'Publishes to RabbitMQ (AMQP 0-9-1): persistent messages, each until the server has confirmed it. A message has the headers of its record, its `correlation_id`, `reply_to` and `type` if the record came with them, and a `message_id` that is the same whenever the record is written. One that no queue takes fails its record. Where a queue is full, or the server blocks publishers, the stage waits.',
  config,
  examples: [
    { title: 'A queue', config: { connection: 'main', queue: 'orders.clean' } },
    {
      title: 'An exchange, by country',
      config: {
        connection: 'main',
        exchange: 'orders',
        routing_key: 'orders.${value.country}',
      },
    },
  ],
  delivery: 'at_least_once',
  guarantee: () => ({
    guarantee: 'at_least_once',
    why: 'The server confirms each message once all that keep it have it, then the position is committed.',
    afterCrash:
      'The messages since the last commit are published again, with the same message_id. After a lost connection those without a confirmation are.',
    dropBy: 'the message_id, which is the same each time a record is written.',
  }),
  remembers: false,
  singleTask: () => false,
  files: () => [],
  // What others may have read stays.
  reset: async () => {},
  create(setting, { clock }) {
    const { connection, queue, declare, exchange = '', routing_key: key = '' } = setting
    return new RabbitmqWriter(
      {
        connection,
        queue: queue === undefined ? null : { name: queue, declare },
        exchange,
        routingKey: queue ?? key,
        contentType: setting.content_type,
        mandatory: setting.mandatory,
        inFlight: setting.in_flight,
      },
      clock,
    )
  },
})
