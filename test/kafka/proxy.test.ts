import { once } from 'node:events'
import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { apiVersionsRequest } from './broker/answering.ts'
import { describeWithKafka } from './broker/describe-with-kafka.ts'
import type { TestBroker } from './broker/test-broker.ts'
import {
  consumeAll,
  createTopicWithJava,
  type JavaSettings,
  produceWithJava,
} from './java/kafka-tool.ts'
import { type FaultProxy, startFaultProxy } from './proxy/fault-proxy.ts'
import { FrameReader, responseFrame } from './proxy/kafka-frames.ts'
import { startBehindProxy } from './proxy/start-behind-proxy.ts'

const clock = createSystemClock()
/** Enough for what is on its way to arrive; nothing waits for it to pass. */
const quietMs = 150

/** After its length, the kind of request and its version. */
const correlationIdAt = 8

interface Answer {
  /** What came before the answer was complete, or the connection ended. */
  readonly bytes: Buffer
  /** How many pieces it came in. */
  readonly pieces: number
}

/** Sends one ApiVersions request. */
async function ask(address: string): Promise<Answer> {
  const [host, port] = address.split(':')
  const socket = connect(Number(port), host)
  const chunks: Buffer[] = []
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    if (bytes.length >= 4 && bytes.length === 4 + bytes.readInt32BE(0)) socket.destroy()
  })
  socket.write(apiVersionsRequest)
  await once(socket, 'close')
  return { bytes: Buffer.concat(chunks), pieces: chunks.length }
}

describeWithKafka('the fault proxy', () => {
  let broker: TestBroker
  let proxy: FaultProxy
  /** The whole answer to an ApiVersions request, from the broker itself. */
  let whole: Buffer

  beforeAll(async () => {
    ;({ broker, proxy } = await startBehindProxy())
    whole = (await ask(broker.address)).bytes
  })
  afterAll(async () => {
    await broker.stop()
    // Throws when a fault of one of the tests has not happened.
    await proxy.stop()
  })

  async function createTopic(name: string): Promise<string> {
    await createTopicWithJava(broker.address, { name, partitions: 1 })
    return name
  }

  async function valuesIn(topic: string): Promise<(string | undefined)[]> {
    const records = await consumeAll(broker.address, topic, { isolation: 'read_committed' })
    return records.map(({ value }) => value?.toString())
  }

  function produce(topic: string, value: string, settings: JavaSettings = {}): Promise<unknown> {
    const end = 'transactional.id' in settings ? ({ end: 'commit' } as const) : {}
    return produceWithJava(proxy.address, [{ records: [{ topic, value }], ...end }], settings)
  }

  it('lets everything through when it is asked for nothing', async () => {
    const topic = await createTopic('untouched')
    await produce(topic, 'a')
    expect(await valuesIn(topic)).toEqual(['a'])
    expect((await ask(proxy.address)).bytes).toEqual(whole)
    expect(proxy.requests('Produce')).toBe(1)
  })

  it('drops the answer of a request that the broker has executed', async () => {
    const topic = await createTopic('answer-dropped')
    const fault = proxy.inject({ api: 'Produce', action: 'drop_response' })
    // Without idempotence, the producer's second try is a second record.
    await produce(topic, 'a', { 'enable.idempotence': 'false' })
    expect(fault.times).toBe(1)
    expect(await valuesIn(topic)).toEqual(['a', 'a'])
  })

  it('counts the requests of a kind to find the one that is meant', async () => {
    const topic = await createTopic('second-answer-dropped')
    const fault = proxy.inject({ api: 'Produce', nth: 2, action: 'drop_response' })
    const settings = { 'enable.idempotence': 'false' }
    await produce(topic, 'a', settings)
    expect(fault.times).toBe(0)
    await produce(topic, 'b', settings)
    expect(await valuesIn(topic)).toEqual(['a', 'b', 'b'])
  })

  it('has a fault wait for another request when one before it has cut the connection', async () => {
    const [first, second] = [1, 2].map((nth) => proxy.inject({ nth, action: 'drop_response' }))
    const socket = connect(proxy.port, '127.0.0.1')
    socket.on('error', () => {})
    const other = Buffer.from(apiVersionsRequest)
    other.writeInt32BE(2, correlationIdAt)
    socket.write(Buffer.concat([apiVersionsRequest, other]))
    await once(socket, 'close')
    expect([first!.times, second!.times]).toEqual([1, 0])
    expect((await ask(proxy.address)).bytes).toHaveLength(0)
    expect(second!.times).toBe(1)
  })

  it('drops a request before the broker sees it', async () => {
    const topic = await createTopic('request-dropped')
    const fault = proxy.inject({ api: 'Produce', action: 'drop_request' })
    await produce(topic, 'a', { 'enable.idempotence': 'false' })
    expect(fault.times).toBe(1)
    expect(await valuesIn(topic)).toEqual(['a'])
  })

  it.each(['InitProducerId', 'Produce', 'EndTxn'] as const)(
    "drops the answer to %s, which Kafka's own producer survives",
    async (api) => {
      const topic = await createTopic(`answer-dropped-${api}`)
      const fault = proxy.inject({ api, action: 'drop_response' })
      await produce(topic, 'a', { 'transactional.id': topic })
      expect(fault.times).toBe(1)
      expect(await valuesIn(topic)).toEqual(['a'])
    },
  )

  it('delivers a held request also when its client has given up and gone', async () => {
    const topic = await createTopic('held')
    const fault = proxy.inject({ api: 'Produce', action: 'hold_request' })
    const impatient = { retries: '0', 'delivery.timeout.ms': '600', 'request.timeout.ms': '500' }
    await expect(
      produce(topic, 'late', { ...impatient, 'enable.idempotence': 'false', 'linger.ms': '0' }),
    ).rejects.toThrow(/TimeoutException|NetworkException|DisconnectException/)
    expect(await valuesIn(topic)).toEqual([])
    fault.release()
    await expect.poll(() => valuesIn(topic)).toEqual(['late'])
  })

  it('holds an answer, and delays a request or an answer', async () => {
    const held = proxy.inject({ api: 'ApiVersions', action: 'hold_response' })
    const answer = ask(proxy.address)
    await held.happened
    held.release()
    expect((await answer).bytes).toEqual(whole)

    for (const action of [{ delayRequestMs: 50 }, { delayResponseMs: 50 }]) {
      proxy.inject({ action })
      const startUs = clock.monotonicUs()
      expect((await ask(proxy.address)).bytes).toEqual(whole)
      expect(clock.monotonicUs() - startUs).toBeGreaterThanOrEqual(50_000)
    }
  })

  it('cuts a connection inside an answer', async () => {
    proxy.inject({ action: 'cut_inside_response' })
    expect((await ask(proxy.address)).bytes).toEqual(whole.subarray(0, Math.ceil(whole.length / 2)))
  })

  it('sends an answer in single bytes', async () => {
    const fault = proxy.inject({ nth: 'every', action: 'slice_response' })
    const { bytes, pieces } = await ask(proxy.address)
    expect(bytes).toEqual(whole)
    expect(pieces).toBeGreaterThan(50)
    fault.release()
    expect((await ask(proxy.address)).pieces).toBeLessThan(5)
  })

  it('answers in place of the broker', async () => {
    const body = Buffer.from([0, 35, 0, 0, 0, 0])
    proxy.inject({ api: 'ApiVersions', action: { answer: () => body } })
    expect((await ask(proxy.address)).bytes).toEqual(responseFrame(1, body))
  })

  it('cuts what is open, and refuses what comes', async () => {
    const held = proxy.inject({ action: 'hold_response' })
    const answer = ask(proxy.address)
    await held.happened
    expect(proxy.cut()).toBe(1)
    expect((await answer).bytes).toHaveLength(0)
    proxy.refuse()
    expect((await ask(proxy.address)).bytes).toHaveLength(0)
    proxy.accept()
    expect((await ask(proxy.address)).bytes).toEqual(whole)
  })

  it('is a black hole that closes nothing, and lets all of it out at the end', async () => {
    proxy.blackhole()
    const answer = ask(proxy.address)
    const first = await Promise.race([answer, clock.sleep(quietMs).then(() => 'silence')])
    expect(first).toBe('silence')
    proxy.restore()
    expect((await answer).bytes).toEqual(whole)
  })

  it('cuts a connection that does not speak the protocol', async () => {
    const socket = connect(proxy.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await once(socket, 'close')
    expect((await ask(proxy.address)).bytes).toEqual(whole)
  })

  it('fails a test whose fault did not happen', async () => {
    const unused = await startFaultProxy()
    unused.inject({ api: 'EndTxn', nth: 3, action: 'drop_response' })
    await expect(unused.stop()).rejects.toThrow(
      'did not happen: drop_response of EndTxn (number 3)',
    )
  })
})

describe('the reader of frames', () => {
  it('finds the same frames wherever the bytes are cut', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 })
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 20 })), (parts, sizes) => {
        const frames = parts.map((body, i) => responseFrame(i, body))
        let rest = Buffer.concat(frames)
        const reader = new FrameReader()
        const read: Buffer[] = []
        for (const size of [...sizes, rest.length]) {
          read.push(...reader.push(rest.subarray(0, size)))
          rest = rest.subarray(size)
        }
        expect(read).toEqual(frames)
      }),
    )
  })

  it.each([-1, 0, 3, 2 ** 31 - 1])('refuses a frame of %i bytes', (length) => {
    const bytes = Buffer.alloc(8)
    bytes.writeInt32BE(length)
    expect(() => new FrameReader().push(bytes)).toThrow(/not the length of a frame/)
  })
})
