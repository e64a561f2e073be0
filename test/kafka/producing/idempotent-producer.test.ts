import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import {
  clock,
  createTopic,
  failureOf,
  idempotentProducer,
  never,
  numbers,
  ProxiedBroker,
  range,
} from './producing-fixture.ts'

describeWithKafka('the idempotent producer', () => {
  let kafka: ProxiedBroker

  beforeAll(async () => {
    kafka = await ProxiedBroker.start()
  })
  afterEach(() => kafka.closeProducers())
  afterAll(() => kafka.stop())

  it('keeps the order of the calls in each partition, also of calls that did not wait', async () => {
    const topic = await createTopic(kafka.client, 'order', { partitions: 2 })
    const sender = kafka.idempotent()
    const sends = range(0, 50).map((call) =>
      sender.send(
        [0, 1].map((partition) => ({ topic, partition, batch: numbers(call * 3, 3) })),
        never,
      ),
    )
    await Promise.all(sends)
    expect(await kafka.numbersIn(topic)).toEqual([range(0, 150), range(0, 150)])
  })

  it('sends no batch that is larger than the topic takes', async () => {
    const config = { 'max.message.bytes': '10000' }
    const topic = await createTopic(kafka.client, 'small-batches', { config })
    const sender = kafka.idempotent()
    await sender.send([{ topic, partition: 0, batch: numbers(0, 1_000, 300) }], never)
    expect(await kafka.numbersIn(topic)).toEqual([range(0, 1_000)])
  })

  it('divides batches when the topic takes less than it did', async () => {
    const topic = await createTopic(kafka.client, 'shrinking-batches')
    const sender = kafka.idempotent()
    await sender.send([{ topic, partition: 0, batch: numbers(0, 100, 300) }], never)
    await kafka.client.alterConfigs(topic, { 'max.message.bytes': '5000' })
    const sends = range(1, 5).map((call) =>
      sender.send([{ topic, partition: 0, batch: numbers(call * 100, 100, 300) }], never),
    )
    await Promise.all(sends)
    expect(await kafka.numbersIn(topic)).toEqual([range(0, 600)])
  })

  it('refuses a record that the topic does not take, and writes what others send', async () => {
    const config = { 'max.message.bytes': '2000' }
    const topic = await createTopic(kafka.client, 'small-records', { config })
    const sender = kafka.idempotent()
    const before = sender.send([{ topic, partition: 0, batch: numbers(0, 2) }], never)
    const tooLarge = sender.send([{ topic, partition: 0, batch: numbers(2, 2, 3_000) }], never)
    const after = sender.send([{ topic, partition: 0, batch: numbers(4, 2) }], never)
    const failure = await failureOf(tooLarge)
    expect(failure).toMatchObject({ code: 'MESSAGE_TOO_LARGE', kind: 'config' })
    expect(failure.message).toContain('"small-records/0"')
    await Promise.all([before, after])
    expect(await kafka.numbersIn(topic)).toEqual([[0, 1, 4, 5]])
  })

  it('fails for a topic that does not exist, and only for it', async () => {
    const topic = await createTopic(kafka.client, 'there')
    const sender = kafka.idempotent()
    const missing = sender.send([{ topic: 'not-there', partition: 0, batch: numbers(0, 1) }], never)
    await sender.send([{ topic, partition: 0, batch: numbers(0, 1) }], never)
    expect(await failureOf(missing)).toMatchObject({ kind: 'config' })
    // It may be made later.
    await createTopic(kafka.client, 'not-there')
    await sender.send([{ topic: 'not-there', partition: 0, batch: numbers(1, 1) }], never)
    expect(await kafka.numbersIn('not-there')).toEqual([[1]])
  })

  it.each(['drop_response', 'drop_request', 'cut_inside_response'] as const)(
    'writes once, in order, when it gets no answer: %s',
    async (action) => {
      const topic = await createTopic(kafka.client, `lost-${action}`, { partitions: 2 })
      const troubles: (string | null)[] = []
      const sender = kafka.idempotent({ onTrouble: (error) => troubles.push(error?.code ?? null) })
      let sent = 0
      for (const nth of [2, 4, 7]) {
        const fault = kafka.proxy.inject({ api: 'Produce', nth, action })
        while (fault.times === 0) {
          const sends = range(0, 8).map((call) => {
            const batch = numbers(sent + call * 5, 5)
            return sender.send(
              [0, 1].map((partition) => ({ topic, partition, batch })),
              never,
            )
          })
          await Promise.all(sends)
          sent += 40
        }
      }
      const [first, second] = await kafka.numbersIn(topic)
      expect(first).toEqual(range(0, sent))
      expect(second).toEqual(first)
      expect(troubles[0]).toBe('CONNECTION')
      expect(troubles.at(-1)).toBeNull()
    },
  )

  it('goes on as another producer when the broker misses batches', async () => {
    const topic = await createTopic(kafka.client, 'truncated')
    const sender = kafka.idempotent()
    await sender.send([{ topic, partition: 0, batch: numbers(0, 5) }], never)
    // The broker forgets all about the partition, and the next sequence number fits nothing.
    await kafka.client.deleteTopics([topic])
    await createTopic(kafka.client, topic)
    const other = idempotentProducer(kafka.client)
    await other.send([{ topic, partition: 0, batch: numbers(100, 1) }], never)
    other.close()
    await sender.send([{ topic, partition: 0, batch: numbers(5, 5) }], never)
    await sender.send([{ topic, partition: 0, batch: numbers(10, 5) }], never)
    expect(await kafka.numbersIn(topic)).toEqual([[100, ...range(5, 10)]])
  })

  it('stops trying when its caller does, and then writes what comes later', async () => {
    const topic = await createTopic(kafka.client, 'given-up')
    const sender = kafka.idempotent()
    await sender.send([{ topic, partition: 0, batch: numbers(0, 1) }], never)
    kafka.proxy.refuse()
    const giveUp = new AbortController()
    const first = sender.send([{ topic, partition: 0, batch: numbers(1, 1) }], giveUp.signal)
    const second = sender.send([{ topic, partition: 0, batch: numbers(2, 1) }], never)
    await clock.sleep(200)
    giveUp.abort()
    expect(await failureOf(first)).toMatchObject({ code: 'CLOSED' })
    kafka.proxy.accept()
    await second
    expect(await kafka.numbersIn(topic)).toEqual([[0, 2]])
  })

  it('fails what is not written when it is closed', async () => {
    const topic = await createTopic(kafka.client, 'closed')
    const sender = kafka.idempotent()
    await sender.send([{ topic, partition: 0, batch: numbers(0, 1) }], never)
    kafka.proxy.refuse()
    const sent = sender.send([{ topic, partition: 0, batch: numbers(1, 1) }], never)
    await clock.sleep(50)
    sender.close()
    expect(await failureOf(sent)).toMatchObject({ code: 'CLOSED' })
    expect(
      await failureOf(sender.send([{ topic, partition: 0, batch: numbers(2, 1) }], never)),
    ).toMatchObject({ code: 'CLOSED' })
    kafka.proxy.accept()
    expect(await kafka.numbersIn(topic)).toEqual([[0]])
  })
})
