import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { Sink, SinkOrigins } from '../../../src/core/endpoints.ts'
import {
  encodeHeaders,
  type RecordBatch,
  type WrittenHeader,
} from '../../../src/core/record-batch.ts'
import { RecordBatchBuilder } from '../../../src/core/record-batch-builder.ts'
import { describeWithRabbitmq, sharedRabbitmq } from '../describe-with-rabbitmq.ts'
import { type RabbitmqServer, startRabbitmq } from '../rabbitmq-server.ts'
import { aConnection, aSink, clock, TestClient } from './rabbitmq-fixture.ts'

const { signal } = new AbortController()

function aBatchOf(values: readonly string[], headers: readonly WrittenHeader[] = []): RecordBatch {
  const builder = new RecordBatchBuilder('shop.write/0')
  const times = {
    timestampMs: 36,
    eventTimeMs: 1_700_000_000_500,
    ingestUs: 0,
    waitUs: 0,
    runUs: 0,
  }
  for (const value of values) {
    builder.append({ key: 'k', value, headers: encodeHeaders(headers), times })
  }
  return builder.finish()
}

const origins: SinkOrigins = {
  input: () => 'shop.clean/2',
  offset: (index) => BigInt(40 + Math.floor(index / 2)),
  ordinal: (index) => index % 2,
}

describeWithRabbitmq('the sink rabbitmq', () => {
  let client: TestClient
  const open: Sink[] = []
  const connection = aConnection(sharedRabbitmq)
  const opened = (setting: object) => {
    const sink = aSink(connection, setting)
    open.push(sink)
    return sink
  }

  beforeAll(async () => {
    client = await TestClient.open(sharedRabbitmq)
  })
  afterEach(async () => {
    for (const sink of open.splice(0)) await sink.close()
  })
  afterAll(() => client.close())

  it('makes the queue, and writes messages in their order', async () => {
    const sink = opened({ queue: 'sink-order', in_flight: 7 })
    expect(await sink.begin()).toBeNull()
    const values = Array.from({ length: 500 }, (_, index) => `{"n":${index}}`)
    expect(await sink.write(aBatchOf(values), signal, origins)).toEqual({
      memory: null,
      failures: [],
    })
    const received = []
    for (const _ of values) received.push((await client.next('sink-order')).content.toString())
    expect(received).toEqual(values)
  })

  it('gives a message the id of its origin, and what its record came with', async () => {
    const sink = opened({ queue: 'sink-id' })
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const batch = aBatchOf(
      ['{"n":1}', '{"n":2}'],
      [
        ['traceparent', traceparent],
        ['amqp-correlation-id', 'c-1'],
        ['amqp-reply-to', 'answers'],
        ['amqp-message-id', 'theirs'],
        ['millrace-reply-id', 'token'],
        ['millrace-timing', 'engine'],
      ],
    )
    await sink.write(batch, signal, origins)
    const { properties, fields } = await client.next('sink-id')
    expect(properties).toMatchObject({
      messageId: 'shop.write/shop.clean/2/40@10',
      correlationId: 'c-1',
      replyTo: 'answers',
      contentType: 'application/json',
      deliveryMode: 2,
      timestamp: 1_700_000_000,
      headers: { traceparent },
    })
    expect(properties.headers).not.toHaveProperty('millrace-reply-id')
    expect(properties.headers).not.toHaveProperty('millrace-timing')
    expect(fields.routingKey).toBe('sink-id')
    expect((await client.next('sink-id')).properties.messageId).toBe(
      'shop.write/shop.clean/2/40.1@10',
    )
  })

  it('fails the records that no queue takes, and no others', async () => {
    await client.channel.assertExchange('sink-topic', 'topic')
    const queue = await client.queue('sink-nl')
    await client.channel.bindQueue(queue, 'sink-topic', 'orders.nl')
    const sink = opened({ exchange: 'sink-topic', routing_key: 'orders.${value.country}' })
    const countries = ['nl', 'xx', 'nl', 'yy', 'x'.repeat(300)]
    const batch = aBatchOf(countries.map((country) => JSON.stringify({ country })))
    const { failures } = await sink.write(batch, signal, origins)
    expect(
      failures
        .map(({ index, code }) => [index, code] as const)
        .toSorted(([left], [right]) => left - right),
    ).toEqual([
      [1, 'RECORD_REJECTED'],
      [3, 'RECORD_REJECTED'],
      [4, 'RECORD_REJECTED'],
    ])
    expect(failures.find(({ index }) => index === 1)?.message).toBe(
      'the server has no queue for "orders.xx" at "sink-topic"',
    )
    await client.next(queue)
    await client.next(queue)
    expect(await client.ready(queue)).toBe(0)
  })

  it('waits while the queue is full, and sends what was refused again', async () => {
    await client.channel.assertQueue('sink-full', {
      arguments: { 'x-queue-type': 'classic', 'x-max-length': 3, 'x-overflow': 'reject-publish' },
    })
    const sink = opened({ queue: 'sink-full', declare: 'passive' })
    const batch = aBatchOf(['1', '2', '3', '4', '5'])
    await expect(sink.write(batch, signal, origins)).rejects.toMatchObject({
      code: 'PEER_UNAVAILABLE',
      message: expect.stringContaining('it did not take 2 messages'),
    })
    const received = []
    for (let n = 0; n < 3; n++) received.push((await client.next('sink-full')).content.toString())
    expect((await sink.write(batch, signal, origins)).failures).toEqual([])
    for (let n = 0; n < 2; n++) received.push((await client.next('sink-full')).content.toString())
    expect(received).toEqual(['1', '2', '3', '4', '5'])
    expect(await client.ready('sink-full')).toBe(0)
  })

  it('refuses an exchange that is not there when it begins', async () => {
    await expect(opened({ exchange: 'no-such' }).begin()).rejects.toMatchObject({
      code: 'PEER_REFUSED',
      message: expect.stringContaining("no exchange 'no-such'"),
    })
  })

  it('fails a record whose headers are too long for a message', async () => {
    const sink = opened({ queue: 'sink-headers' })
    const { failures } = await sink.write(aBatchOf(['1'], [['long', 'x'.repeat(200_000)]]), signal)
    expect(failures).toMatchObject([{ index: 0, code: 'RECORD_REJECTED' }])
    expect((await sink.write(aBatchOf(['2']), signal)).failures).toEqual([])
    expect((await client.next('sink-headers')).content.toString()).toBe('2')
  })
})

describeWithRabbitmq('the sink rabbitmq, when its server fails', () => {
  let server: RabbitmqServer
  let client: TestClient
  let sink: Sink

  beforeAll(async () => {
    server = await startRabbitmq()
    client = await TestClient.open(server)
  })
  afterAll(async () => {
    await sink.close()
    await client.close()
    await server.stop()
  })

  it('waits while the server blocks publishers, and goes on with the same batch', async () => {
    sink = aSink(aConnection(server), { queue: 'blocked' })
    await sink.write(aBatchOf(['first']), signal, origins)
    await server.block()
    const batch = aBatchOf(['second', 'third'])
    const error = await sink.write(batch, signal, origins).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ code: 'PEER_UNAVAILABLE' })
    expect((error as Error).message).toContain('it is blocked: low on memory')
    await server.unblock()
    await clock.sleep(500)
    expect((await sink.write(batch, signal, origins)).failures).toEqual([])
    const received = []
    for (let n = 0; n < 3; n++) received.push((await client.next('blocked')).content.toString())
    expect(received).toEqual(['first', 'second', 'third'])
    expect(await client.ready('blocked')).toBe(0)
    await sink.close()
  })

  it('loses nothing when the server is killed and comes back', async () => {
    sink = aSink(aConnection(server), { queue: 'killed' })
    await sink.begin()
    await server.untilQueuesAreKept()
    const values = Array.from({ length: 20_000 }, (_, index) => String(index))
    const batch = aBatchOf(values)
    const write = async () => {
      for (let attempts = 1; ; attempts++) {
        try {
          return { attempts, ...(await sink.write(batch, signal, origins)) }
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'PEER_UNAVAILABLE' })
          await clock.sleep(200)
        }
      }
    }
    const written = write()
    await clock.sleep(300)
    await server.kill('SIGKILL')
    await server.start()
    const { attempts, failures } = await written
    expect(attempts).toBeGreaterThan(1)
    expect(failures).toEqual([])
    const reader = await TestClient.open(server)
    const messages = await reader.all('killed', await reader.ready('killed'))
    const received = new Set(messages.map(({ content }) => content.toString()))
    const ids = new Set(messages.map(({ properties }) => String(properties.messageId)))
    await reader.close()
    expect([received.size, ids.size]).toEqual([values.length, values.length])
  })
})
