import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ConnectionTls } from '../../../src/core/connection-tls.ts'
import type { KafkaSasl } from '../../../src/core/kafka-connection.ts'
import type { KafkaClientOptions } from '../../../src/logs/kafka/client/connect-options.ts'
import type { KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import type { KafkaError } from '../../../src/logs/kafka/client/kafka-error.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { again, clock, connectTo, failureOf, Scene } from './client-fixture.ts'

const user = { name: 'mill', password: 'r4ce-secret' }
/** For so long the broker takes a login for good. */
const sessionMs = 2_000
const allMechanisms: readonly KafkaSasl['mechanism'][] = ['plain', 'scram-sha-256', 'scram-sha-512']

function login(
  mechanism: KafkaSasl['mechanism'],
  password = user.password,
): Partial<KafkaClientOptions> {
  return {
    sasl: { mechanism, username: user.name, password },
    mask: (text) => text.replaceAll(password, '***'),
  }
}

describeWithKafka('a client of a broker with TLS and SASL', () => {
  let broker: TestBroker
  let tls: ConnectionTls

  beforeAll(async () => {
    broker = await startBroker({
      own: true,
      users: [user],
      acls: true,
      properties: { 'connections.max.reauth.ms': String(sessionMs) },
      listeners: {
        TLS: { security: 'SSL' },
        MUTUAL: { security: 'SSL', clientCertificate: 'required' },
        LOGIN: { security: 'SASL_PLAINTEXT' },
        BOTH: { security: 'SASL_SSL' },
        ASTRAY: { security: 'PLAINTEXT', advertisedPort: await freePort() },
      },
    })
    tls = {
      ca: pem(broker.certificates!.ca),
      cert: null,
      key: null,
      serverName: null,
      insecureSkipVerify: false,
    }
  })
  afterAll(() => broker.stop())

  const pem = (path: string) => readFileSync(path, 'utf8')
  const at = (listener: string) => broker.addresses[listener]!

  function refusal(listener: string, options: Partial<KafkaClientOptions>): Promise<KafkaError> {
    return failureOf(connectTo(at(listener), options))
  }

  it('connects with TLS, by the name or address that the certificate is for', async () => {
    const port = at('TLS').split(':')[1]
    for (const address of [at('TLS'), `localhost:${port}`]) {
      const client = await connectTo(address, { tls })
      expect(await client.describeTopics([])).toEqual([])
      await client.close()
    }
    const named = await connectTo(at('TLS'), { tls: { ...tls, serverName: 'localhost' } })
    await named.close()
  })

  it('does not trust a certificate of another CA, and says what to check', async () => {
    const otherCa = pem(broker.certificates!.otherCa)
    for (const ca of [otherCa, null]) {
      const failure = await refusal('TLS', { tls: { ...tls, ca } })
      expect(failure).toMatchObject({ code: 'TLS', kind: 'config' })
      expect(failure.message).toContain(at('TLS'))
      expect(failure.message).toContain('check "tls.ca"')
    }
  })

  it('does not trust a certificate for another name', async () => {
    const failure = await refusal('TLS', { tls: { ...tls, serverName: 'kafka.example.org' } })
    expect(failure).toMatchObject({ code: 'TLS', kind: 'config' })
    expect(failure.message).toContain('kafka.example.org')
    expect(failure.message).toContain('"tls.server_name"')
  })

  it('takes any certificate only when it is told to, and says so', async () => {
    const notices: string[] = []
    const client = await connectTo(at('TLS'), {
      tls: { ...tls, ca: null, serverName: 'other', insecureSkipVerify: true },
      notice: (message) => notices.push(message),
    })
    await client.close()
    expect(notices.join()).toContain('insecure_skip_verify')
  })

  it('shows its own certificate where the broker asks for one', async () => {
    const { clientCertificate, clientKey } = broker.certificates!
    const identity = { cert: pem(clientCertificate), key: pem(clientKey) }
    const client = await connectTo(at('MUTUAL'), { tls: { ...tls, ...identity } })
    await client.close()
    const failure = await refusal('MUTUAL', { tls })
    expect(failure).toMatchObject({ code: 'TLS', kind: 'config' })
    expect(failure.message).toContain('"tls.cert" and "tls.key"')
  })

  it('logs in by every mechanism, with TLS and without', async () => {
    for (const mechanism of allMechanisms) {
      const secure = await connectTo(at('BOTH'), { tls, ...login(mechanism) })
      expect(await secure.describeTopics([])).toEqual([])
      await secure.close()
      const open = await connectTo(at('LOGIN'), {
        ...login(mechanism),
        allowPlaintextPassword: true,
      })
      await open.close()
    }
  })

  it('does not send a password in the clear unless it is told to', async () => {
    const failure = await refusal('LOGIN', login('plain'))
    expect(failure).toMatchObject({ code: 'OPTIONS', kind: 'config' })
    expect(failure.message).toContain('allow_plaintext_password')
    const scram = await connectTo(at('LOGIN'), login('scram-sha-256'))
    await scram.close()
  })

  it('says that a password or user is wrong, and never which it was', async () => {
    for (const mechanism of allMechanisms) {
      const failure = await refusal('BOTH', { tls, ...login(mechanism, 'wr0ng-one') })
      expect(failure).toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED', kind: 'config' })
      expect(failure.message).toContain(`logging in at ${at('BOTH')} as "mill"`)
      expect(failure.message).toContain('"sasl.username", "sasl.password" and "sasl.mechanism"')
      expect(`${failure.message}${failure.stack}`).not.toContain('wr0ng-one')
    }
  })

  it('names the setting when the two sides expect different things', async () => {
    const cases: readonly (readonly [string, Partial<KafkaClientOptions>, string])[] = [
      ['DIRECT', { tls }, 'leave out "tls"'],
      ['TLS', {}, 'set "tls"'],
      ['LOGIN', {}, '"sasl"'],
      ['BOTH', { tls }, '"sasl"'],
      ['BOTH', login('scram-sha-256'), '"tls"'],
      ['DIRECT', login('scram-sha-256'), 'does not use SASL'],
    ]
    for (const [listener, options, hint] of cases) {
      const failure = await refusal(listener, options)
      expect([listener, failure.kind, failure.message]).toEqual([
        listener,
        'config',
        expect.stringContaining(hint),
      ])
      expect(failure.message).toContain(at(listener))
    }
  })

  it('says where no broker is, and which address cannot be', async () => {
    const closed = await freePort()
    const refused = await failureOf(connectTo(`127.0.0.1:${closed}`))
    expect(refused).toMatchObject({ code: 'CONNECTION', kind: 'retriable' })
    expect(refused.message).toContain(`127.0.0.1:${closed}: nothing listens there`)
    const unknown = await failureOf(connectTo('no-such-host.invalid:9092'))
    expect(unknown).toMatchObject({ code: 'ADDRESS' })
    expect(unknown.message).toContain('no-such-host.invalid:9092')
    const bad = await failureOf(connectTo('kafka.example.org:port'))
    expect(bad).toMatchObject({ code: 'ADDRESS', kind: 'config' })
    expect(bad.message).toContain('HOST:PORT')
    const none = await failureOf(connectTo('x', { brokers: [] }))
    expect(none.code).toBe('OPTIONS')
  })

  it('says that it was the cluster that gave an address where no broker is', async () => {
    const client = await connectTo(at('ASTRAY'))
    await Scene.open(await connectTo(broker.address), 'security-astray').then((scene) =>
      scene.client.close(),
    )
    const scene = new Scene(client, 'security-astray')
    const failure = await failureOf(scene.produce(['lost']))
    expect(failure).toMatchObject({ code: 'CONNECTION', kind: 'retriable' })
    expect(failure.message).toContain('an address that the cluster gave (`advertised.listeners`)')
    await client.close()
  })

  it('tries all addresses that it was given', async () => {
    const closed = `127.0.0.1:${await freePort()}`
    const client = await connectTo('', { brokers: [closed, broker.address] })
    expect(await client.describeTopics([])).toEqual([])
    await client.close()
    const other = `127.0.0.1:${await freePort()}`
    const failure = await failureOf(connectTo('', { brokers: [closed, other] }))
    expect(failure.message).toContain('no Kafka broker can be reached')
    expect(failure.message).toContain(closed)
    expect(failure.message).toContain(other)
  })

  it('of a user without rights says what the user may not do', async () => {
    const admin = await connectTo(broker.address)
    const topic = await Scene.open(admin, 'security-topic')
    const client: KafkaClient = await connectTo(at('LOGIN'), login('scram-sha-512'))
    const node = await admin.leaderOf(topic.at())
    const scene = new Scene(client, topic.topic)
    const attempts: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['TOPIC_AUTHORIZATION_FAILED', () => client.describeTopics([topic.topic])],
      ['TOPIC_AUTHORIZATION_FAILED', () => client.leaderOf(scene.at())],
      ['GROUP_AUTHORIZATION_FAILED', () => client.fetchOffsets('security', [scene.at()])],
      ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', () => client.initProducer('security', 1_000)],
      ['TOPIC_AUTHORIZATION_FAILED', () => Scene.open(client, 'security-new')],
      ['TOPIC_AUTHORIZATION_FAILED', () => client.describeConfigs([topic.topic])],
    ]
    for (const [code, attempt] of attempts) {
      const failure = await failureOf(again(attempt))
      expect([code, failure.code, failure.kind]).toEqual([code, code, 'config'])
      expect(failure.message).toContain('grant it by an ACL')
    }
    const [fetched] = await client.fetch(
      node,
      {
        maxWaitMs: 10,
        minBytes: 1,
        maxBytes: 1_000,
        isolation: 'read_committed',
        partitions: [{ ...scene.at(), offset: 0n, maxBytes: 1_000 }],
      },
      new AbortController().signal,
    )
    expect(fetched!.error!.code).toBe('TOPIC_AUTHORIZATION_FAILED')
    await client.close()
    await admin.close()
  })

  it('logs in again before the broker ends its session', async () => {
    const client = await connectTo(at('LOGIN'), login('scram-sha-256'))
    const endUs = clock.monotonicUs() + 3 * sessionMs * 1_000
    while (clock.monotonicUs() < endUs) {
      expect(await client.describeTopics([])).toEqual([])
      await clock.sleep(100)
    }
    await client.close()
  })

  it('works over TLS as it does without', async () => {
    const admin = await connectTo(broker.address)
    const { topic } = await Scene.open(admin, 'security-tls')
    await admin.close()
    // Who comes without a login is anonymous, who may do everything here.
    const client = await connectTo(at('TLS'), { tls })
    const scene = new Scene(client, topic)
    const value = 'y'.repeat(300_000)
    await scene.produce([value])
    expect(await scene.values('read_committed')).toEqual([value])
    await client.close()
  })
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? address!.port : 0))
    })
  })
}
