import { afterEach, describe, expect, it } from 'vitest'
import { connectKafka } from '../../../../src/logs/kafka/client/connect-kafka.ts'
import { KafkaError } from '../../../../src/logs/kafka/client/kafka-error.ts'
import { apiKeys } from '../../../../src/logs/kafka/client/api-keys.ts'
import { VirtualClock } from '../../../../src/simulation/virtual-clock.ts'
import { allVersions, onlyBroker, ScriptedBroker } from './scripted-broker.ts'

const minute = 60_000
let broker: ScriptedBroker
afterEach(() => broker.stop())

/** @param other the broker's answer to requests that ask for no metadata. */
async function setUp(other: Buffer | null = null) {
  const clock = new VirtualClock()
  broker = await ScriptedBroker.start((apiKey) => {
    if (apiKey === apiKeys.ApiVersions) return allVersions()
    if (apiKey === apiKeys.Metadata) return onlyBroker(broker.port)
    return other === null ? null : { raw: other }
  })
  const options = { brokers: [broker.address], clientId: 'c', clock, tls: null, sasl: null }
  return { clock, client: await connectKafka(options) }
}

describe('the connection to a broker', () => {
  it('is kept while it is used, and not used after minutes of silence', async () => {
    const { clock, client } = await setUp()
    for (let i = 0; i < 3; i++) {
      await clock.advance(8 * minute)
      await client.describeTopics([])
    }
    expect(broker.connections).toBe(1)
    // Brokers close it at 10 minutes: a request that meets that would be lost on its way.
    await clock.advance(9 * minute)
    await client.describeTopics([])
    expect(broker.connections).toBe(2)
    await client.close()
  })

  it('is made again after a pause that grows while it fails', async () => {
    const { clock, client } = await setUp()
    const port = broker.port
    await broker.stop()
    const pausesMs: number[] = []
    for (let i = 0; i < 8; i++) {
      const startUs = clock.monotonicUs()
      let failure: unknown = null
      const asked = client.describeTopics([]).catch((error: unknown) => (failure = error))
      while (failure === null) {
        await new Promise((resolve) => setImmediate(resolve))
        if (clock.pending > 0) await clock.advance(10)
      }
      await asked
      expect(failure).toBeInstanceOf(KafkaError)
      expect((failure as KafkaError).message).toContain(`127.0.0.1:${port}`)
      pausesMs.push((clock.monotonicUs() - startUs) / 1_000)
    }
    expect(pausesMs[0]).toBeLessThanOrEqual(60)
    // It is tried twice each time, with a pause of a second at most before.
    expect(pausesMs.at(-1)).toBe(2_000)
    await client.close()
    expect(clock.pending).toBe(0)
  })

  it('ends with an answer that is larger than the limit, which would come again', async () => {
    const { client } = await setUp(Buffer.from([0x7f, 0, 0, 0]))
    const request = { maxWaitMs: 1, minBytes: 1, maxBytes: 1, isolation: 'read_committed' } as const
    const never = new AbortController().signal
    const fetched = client.fetch(1, { ...request, partitions: [] }, never)
    await expect(fetched).rejects.toMatchObject({ code: 'BAD_ANSWER', kind: 'fatal' })
    const started = client.initProducer(null, 1)
    await expect(started).rejects.toMatchObject({ code: 'BAD_ANSWER', kind: 'indefinite' })
    await client.close()
  })

  it('that could not be made in time fails all that wait for it, and leaves nothing behind', async () => {
    const { clock, client } = await setUp()
    const closing = Promise.all([
      client.describeTopics([]).catch((error: unknown) => error),
      client.leaderOf({ topic: 't', partition: 0 }).catch((error: unknown) => error),
      client.close(),
    ])
    for (const failure of (await closing).slice(0, 2)) {
      expect(failure).toMatchObject({ code: 'CLOSED', kind: 'fatal' })
    }
    expect(clock.pending).toBe(0)
  })
})
