import { createHmac, pbkdf2Sync } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { createSystemClock } from '../../../../src/clock/system-clock.ts'
import type { KafkaSasl } from '../../../../src/core/kafka-connection.ts'
import { ByteWriter } from '../../../../src/logs/kafka/client/byte-writer.ts'
import { connectKafka } from '../../../../src/logs/kafka/client/connect-kafka.ts'
import type { KafkaClientOptions } from '../../../../src/logs/kafka/client/connect-options.ts'
import { KafkaError } from '../../../../src/logs/kafka/client/kafka-error.ts'
import { apiKeys } from '../../../../src/logs/kafka/client/api-keys.ts'
import {
  allVersions,
  ok,
  saslAuthenticate,
  saslHandshake,
  type Say,
  ScriptedBroker,
} from './scripted-broker.ts'

/** No broker does what these servers do, so they are written here, as far as a client comes with them. */

const clock = createSystemClock()
const user = { username: 'mill', password: 'pencil' }
const scram: KafkaSasl = { mechanism: 'scram-sha-256', ...user }

let broker: ScriptedBroker | null = null
afterEach(() => broker?.stop())

async function serve(say: Say): Promise<string> {
  await broker?.stop()
  broker = await ScriptedBroker.start(say)
  return broker.address
}

async function failureOf(
  address: string,
  options: Partial<KafkaClientOptions> = {},
): Promise<KafkaError> {
  const base = { clientId: 'c', clock, tls: null, sasl: null, connectTimeoutMs: 2_000 }
  try {
    const client = await connectKafka({ brokers: [address], ...base, ...options })
    await client.close()
  } catch (error) {
    if (error instanceof KafkaError) return error
    throw error
  }
  throw new Error('the client connected')
}

/** A server of SCRAM that knows the password, and lies as it is told to. */
class ScramServer {
  readonly #lie: {
    readonly iterations?: number
    readonly signature?: string
    readonly nonce?: string
  }
  #first = ''
  #challenge = ''

  constructor(lie: { iterations?: number; signature?: string; nonce?: string }) {
    this.#lie = lie
  }

  answer(message: string): string {
    return this.#first === '' ? this.#begin(message) : this.#end(message)
  }

  #begin(message: string): string {
    this.#first = message.slice('n,,'.length)
    const nonce = this.#lie.nonce ?? `${/r=([^,]+)/.exec(message)![1]}server`
    this.#challenge = `r=${nonce},s=${Buffer.from('salt').toString('base64')},i=${this.#lie.iterations ?? 4096}`
    return this.#challenge
  }

  #end(message: string): string {
    const salted = pbkdf2Sync(user.password, 'salt', 4096, 32, 'sha256')
    const serverKey = createHmac('sha256', salted).update('Server Key').digest()
    const withoutProof = message.slice(0, message.lastIndexOf(',p='))
    const spoken = [this.#first, this.#challenge, withoutProof].join(',')
    const signature = createHmac('sha256', serverKey).update(spoken).digest('base64')
    return `v=${this.#lie.signature ?? signature}`
  }
}

function scramBroker(lie: ConstructorParameters<typeof ScramServer>[0]): Promise<string> {
  const login = new ScramServer(lie)
  return serve((apiKey, body) => {
    if (apiKey === apiKeys.ApiVersions) return allVersions()
    if (apiKey === saslHandshake)
      return new ByteWriter().int16(ok).int32(1).string('SCRAM-SHA-256').bytes
    if (apiKey !== saslAuthenticate) return { raw: Buffer.from([0x7f, 0xff, 0xff, 0xff]) }
    const said = Buffer.from(login.answer(Buffer.from(body.bytes()).toString()))
    const writer = new ByteWriter().int16(ok).string(null).int32(said.length).raw(said)
    return writer.int64(0n).bytes
  })
}

describe('a client of a hostile server', () => {
  it('logs in where the server proves that it knows the password', async () => {
    const failure = await failureOf(await scramBroker({}), { sasl: scram })
    // The login is done: what fails is the next request.
    expect(failure.message).toContain('no Kafka broker')
  })

  it('does not hash a password as often as a server likes', async () => {
    for (const iterations of [1_000_001, 2 ** 31, Number.NaN]) {
      const startUs = clock.monotonicUs()
      const failure = await failureOf(await scramBroker({ iterations }), { sasl: scram })
      expect(failure).toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED', kind: 'config' })
      expect(failure.message).toContain('iterations of SCRAM')
      expect(clock.monotonicUs() - startUs).toBeLessThan(1_000_000)
    }
    const weak = await failureOf(await scramBroker({ iterations: 1 }), { sasl: scram })
    expect(weak.message).toContain('less than the minimum')
  })

  it('does not believe a server that does not know the password', async () => {
    const signature = Buffer.alloc(32).toString('base64')
    const failure = await failureOf(await scramBroker({ signature }), { sasl: scram })
    expect(failure).toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED', kind: 'config' })
    expect(failure.message).toContain('Invalid server signature')
    const replayed = await failureOf(await scramBroker({ nonce: 'another' }), { sasl: scram })
    expect(replayed.message).toContain('Invalid server nonce')
  })

  it('takes a lost connection during the login for what it is', async () => {
    const address = await serve((apiKey) => {
      if (apiKey === apiKeys.ApiVersions) return allVersions()
      broker!.cut()
      return null
    })
    const failure = await failureOf(address, { sasl: scram })
    expect(failure.code).toBe('CONNECTION')
  })

  it('allocates nothing for an answer of 2 GB, or of less than nothing', async () => {
    for (const length of [2 ** 31 - 1, 100 * 1024 * 1024 + 1, -1, 3]) {
      const raw = new ByteWriter().int32(length).bytes
      const failure = await failureOf(await serve(() => ({ raw })))
      expect(failure).toMatchObject({ code: 'CONNECTION', kind: 'config' })
      expect(failure.message).toContain('this is no Kafka broker')
    }
  })

  it('does not wait for ever for a server that says nothing', async () => {
    const failure = await failureOf(await serve(() => null), { connectTimeoutMs: 300 })
    expect(failure).toMatchObject({ code: 'TIMEOUT', kind: 'retriable' })
    expect(failure.message).toContain('no answer to the first request within 300 ms')
  })

  it('says which server is too old for it', async () => {
    const old = new ByteWriter().int16(ok)
    old.array([apiKeys.Metadata], (key) => old.int16(key).int16(0).int16(0)).int32(0)
    const failure = await failureOf(await serve(() => Buffer.from(old.bytes)))
    expect(failure.code).toBe('BAD_ANSWER')
    const none = new ByteWriter().int16(ok).int32(0).int32(0)
    const without = await failureOf(await serve(() => Buffer.from(none.bytes)))
    expect(without).toMatchObject({ code: 'UNSUPPORTED_VERSION', kind: 'config' })
    expect(without.message).toContain('Kafka 2.5 or newer')
  })
})
