import { describe, expect, it } from 'vitest'
import { rabbitmqSink } from '../../../src/endpoints/sinks/rabbitmq.ts'

const setting = { connection: 'main', queue: 'orders' }

describe('the sink rabbitmq', () => {
  it('makes a quorum queue, and has messages that reach nobody fail', () => {
    expect(rabbitmqSink.config.parse(setting)).toMatchObject({
      declare: 'quorum',
      mandatory: true,
      content_type: 'application/json',
      in_flight: 1_000,
    })
  })

  it.each([
    [{ queue: undefined }, undefined],
    [{ exchange: 'orders' }, undefined],
    [{ routing_key: 'x' }, 'routing_key'],
    [{ queue: undefined, exchange: '' }, 'exchange'],
    [{ queue: 'amq.rabbitmq.reply-to' }, 'queue'],
    [{ in_flight: 0 }, 'in_flight'],
    [{ content_type: 'x'.repeat(256) }, 'content_type'],
    [{ persistent: false }, undefined],
  ])('refuses %j', (wrong, place) => {
    const result = rabbitmqSink.config.safeParse({ ...setting, ...wrong })
    expect(result.error?.issues[0]?.path[0]).toBe(place)
    expect(result.success).toBe(false)
  })

  it('names the id by which a receiver drops what comes twice', () => {
    const guarantee = rabbitmqSink.guarantee?.(rabbitmqSink.config.parse(setting))
    expect(guarantee).toMatchObject({
      guarantee: 'at_least_once',
      dropBy: expect.stringContaining('message_id'),
    })
  })
})
