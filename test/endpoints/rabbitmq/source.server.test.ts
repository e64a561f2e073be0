import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { Source } from '../../../src/core/endpoints.ts'
import { describeWithRabbitmq, sharedRabbitmq } from '../describe-with-rabbitmq.ts'
import {
  aConnection,
  aLiveEnvironment,
  aSource,
  clock,
  SourceReading,
  TestClient,
} from './rabbitmq-fixture.ts'

const numbers = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => `{"n":${from + index}}`)

describeWithRabbitmq('the source rabbitmq', () => {
  let client: TestClient
  const open: Source[] = []
  const connection = aConnection(sharedRabbitmq)
  const opened = (
    ...[setting, environment, positions]: [
      object,
      ReturnType<typeof aLiveEnvironment>?,
      SourceReading['positions']?,
    ]
  ) => {
    const source = aSource(connection, setting, environment, positions)
    open.push(source)
    return source
  }

  beforeAll(async () => {
    client = await TestClient.open(sharedRabbitmq)
  })
  afterEach(async () => {
    for (const source of open.splice(0)) await source.close()
  })
  afterAll(() => client.close())

  it('reads messages in their order, and acknowledges what was committed', async () => {
    const queue = await client.queue('order')
    await client.send(queue, numbers(3_000))
    const source = opened({ queue })
    expect(await new SourceReading().until(source, 3_000)).toEqual(numbers(3_000))
    await source.close()
    expect(await client.ready(queue)).toBe(0)
  })

  it('leaves in the queue what was not committed', async () => {
    const queue = await client.queue('uncommitted')
    await client.send(queue, numbers(10))
    const source = opened({ queue })
    const { signal } = new AbortController()
    let read = 0
    while (read < 10) {
      read += (await source.read({ maxRecords: 100, maxBytes: 1e6, signal }))!.batch.count
    }
    await source.close()
    const again = new SourceReading()
    expect(await again.until(opened({ queue }), 10)).toEqual(numbers(10))
    expect(again.slices[0]!.info(0)['redelivered']).toBe(true)
  })

  it('has the server hold back what goes beyond the prefetch', async () => {
    const queue = await client.queue('prefetch')
    await client.send(queue, numbers(100))
    const source = opened({ queue, prefetch: 10 })
    const { signal } = new AbortController()
    const slices = []
    for (let read = 0; read < 10;) {
      const slice = await source.read({ maxRecords: 100, maxBytes: 1e6, signal })
      slices.push(slice!)
      read += slice!.batch.count
    }
    await clock.sleep(200)
    expect(await client.ready(queue)).toBe(90)
    for (const { positions } of slices) source.committed?.(positions)
    await new SourceReading().until(source, 90)
  })

  it('leaves out a message whose id was there before, in this run and after a crash', async () => {
    const queue = await client.queue('ids')
    const ids = ['a', 'b', 'a', 'c', 'b']
    const environment = aLiveEnvironment()
    await client.send(queue, ids, (index) => ({ messageId: ids[index]! }))
    const first = opened({ queue }, environment)
    const reading = new SourceReading()
    expect(await reading.until(first, 3)).toEqual(['a', 'b', 'c'])
    await first.close()
    await client.send(queue, ['c', 'd', 'no id', 'no id'], (index) =>
      index < 2 ? { messageId: 'cd'[index]! } : {},
    )
    const second = opened({ queue }, environment, reading.positions)
    expect(await new SourceReading().until(second, 3)).toEqual(['d', 'no id', 'no id'])
    await second.close()
    expect([environment.drops.get('duplicate'), await client.ready(queue)]).toEqual([3, 0])
  })

  it('takes all of them where it is told so', async () => {
    const queue = await client.queue('no-dedupe')
    await client.send(queue, ['a', 'a'], () => ({ messageId: 'a' }))
    expect(await new SourceReading().until(opened({ queue, dedupe: false }), 2)).toEqual(['a', 'a'])
  })

  it('says where a message came from, and hands on its headers', async () => {
    const queue = await client.queue('origin')
    await client.channel.assertExchange('origin-x', 'topic')
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const source = opened({ queue, bind: [{ exchange: 'origin-x', routing_key: 'eu.#' }] })
    const reading = new SourceReading()
    const read = reading.until(source, 1)
    await clock.sleep(300)
    client.channel.publish('origin-x', 'eu.nl', Buffer.from('{}'), {
      messageId: 'id-1',
      correlationId: 'c-1',
      replyTo: 'answers',
      contentType: 'application/json',
      timestamp: 1_700_000_000,
      headers: { traceparent, tries: 3, 'millrace-timing': 'forged', deep: { list: [1, null] } },
    })
    await read
    const { batch, info } = reading.slices.find((slice) => slice.batch.count > 0)!
    const headers = batch.headers(0).map(([name, value]) => [name, Buffer.from(value).toString()])
    expect(Object.fromEntries(headers)).toEqual({
      traceparent,
      tries: '3',
      deep: '{"list":[1,null]}',
      'amqp-message-id': 'id-1',
      'amqp-correlation-id': 'c-1',
      'amqp-reply-to': 'answers',
      'amqp-content-type': 'application/json',
    })
    expect(batch.eventTimeMs[0]).toBe(1_700_000_000_000)
    expect(info(0)).toMatchObject({
      queue,
      exchange: 'origin-x',
      routing_key: 'eu.nl',
      redelivered: false,
      message_id: 'id-1',
      correlation_id: 'c-1',
      reply_to: 'answers',
      content_type: 'application/json',
    })
  })

  it('fails a message that is too long, and keeps its beginning', async () => {
    const queue = await client.queue('long')
    await client.send(queue, [Buffer.alloc(300_000, 'x'), '{}', ''])
    const reading = new SourceReading()
    const values = await reading.until(opened({ queue, max_record: '256KiB' }), 3)
    expect(values.map(({ length }) => length)).toEqual([1_024, 2, 0])
    const failures = reading.slices.flatMap((slice) => slice.failures)
    expect(failures).toMatchObject([{ index: 0, code: 'RECORD_TOO_LARGE' }])
    expect(failures[0]!.message).toContain('300000 bytes')
  })

  it('waits for a queue that is deleted while it is read, and goes on with the next one', async () => {
    const queue = await client.queue('deleted')
    const source = opened({ queue, declare: 'passive' })
    const reading = new SourceReading()
    const read = reading.until(source, 2)
    await client.send(queue, ['before'])
    while (reading.values.length < 1) await clock.sleep(10)
    await client.channel.deleteQueue(queue)
    while (reading.blockedBy.length < 2) await clock.sleep(10)
    await client.queue(queue)
    await client.send(queue, ['after'])
    expect(await read).toEqual(['before', 'after'])
    expect(reading.blockedBy[0]).toContain('was deleted')
    expect(reading.blockedBy[1]).toContain(`no queue '${queue}'`)
  })

  it('says that the server is back when no message comes', async () => {
    const queue = 'not-yet'
    const source = opened({ queue, declare: 'passive' })
    const { signal } = new AbortController()
    const request = { maxRecords: 10, maxBytes: 1e6, signal }
    await expect(source.read(request)).rejects.toMatchObject({ code: 'PEER_UNAVAILABLE' })
    await client.queue(queue)
    expect((await source.read(request))!.batch.count).toBe(0)
  })

  it('refuses a queue that is another one, and a user that is unknown', async () => {
    const queue = 'classic-one'
    await client.channel.assertQueue(queue, { durable: true })
    const { signal } = new AbortController()
    const request = { maxRecords: 10, maxBytes: 1e6, signal }
    await expect(opened({ queue }).read(request)).rejects.toMatchObject({
      code: 'PEER_REFUSED',
      message: expect.stringContaining('x-queue-type'),
    })
    const stranger = aConnection(sharedRabbitmq, { user: 'nobody', password: 'secret-1' })
    const source = aSource(stranger, { queue })
    const refusal = await source.read(request).catch((thrown: Error) => thrown)
    expect(refusal).toMatchObject({ code: 'PEER_REFUSED' })
    expect((refusal as Error).message).not.toContain('secret-1')
    await source.close()
  })

  it('answers a message that is stored, with its correlation id', async () => {
    const queue = await client.queue('asking')
    await client.channel.assertQueue('answers-1', { durable: false })
    const environment = aLiveEnvironment()
    const reply = { text: 'Thank you for ${value.n} of ${source.queue}' }
    const source = opened({ queue, reply }, environment)
    await client.send(queue, numbers(3), (index) =>
      index === 0
        ? { replyTo: 'answers-1', correlationId: 'c-7' }
        : index === 1
          ? { replyTo: 'nobody-reads-this' }
          : {},
    )
    await new SourceReading().until(source, 3)
    const answer = await client.next('answers-1')
    expect([answer.content.toString(), answer.properties.correlationId]).toEqual([
      'Thank you for 0 of asking',
      'c-7',
    ])
    while (environment.drops.get('unroutable_reply') !== 1) await clock.sleep(10)
  })
})
