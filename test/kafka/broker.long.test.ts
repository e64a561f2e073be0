import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isAnswering } from './broker/answering.ts'
import { describeWithKafka, sharedBroker } from './broker/describe-with-kafka.ts'
import { runCommand } from './broker/run-command.ts'
import { startBroker } from './broker/start-broker.ts'
import type { Certificates, TestBroker } from './broker/test-broker.ts'
import { runKafkaCommand } from './java/java-process.ts'
import {
  consumeAll,
  createTopicWithJava,
  type JavaSettings,
  produceWithJava,
} from './java/kafka-tool.ts'

async function valuesIn(
  address: string,
  topic: string,
  settings: JavaSettings = {},
): Promise<readonly string[]> {
  const records = await consumeAll(address, topic, { isolation: 'read_committed', settings })
  return records.map(({ value }) => String(value))
}

/** Settings of a client that gives up at once, so that a refusal does not take long. */
const impatient = { 'default.api.timeout.ms': '2000', 'max.block.ms': '2000' }

describeWithKafka('the shared broker', () => {
  it('answers', async () => {
    expect(await isAnswering(sharedBroker.address)).toBe(true)
  })

  it('makes no topic that nobody asked for', async () => {
    await expect(valuesIn(sharedBroker.address, 'none-such', impatient)).rejects.toThrow(
      'there is no topic none-such',
    )
  })
})

describeWithKafka('a broker of a test', () => {
  let broker: TestBroker

  beforeAll(async () => {
    broker = await startBroker({ own: true, properties: { 'message.max.bytes': '1000' } })
    await createTopicWithJava(broker.address, { name: 'kept', partitions: 1 })
  })
  afterAll(() => broker.stop())

  it('takes further settings', async () => {
    const large = [{ records: [{ topic: 'kept', value: 'x'.repeat(2_000) }] }]
    await expect(produceWithJava(broker.address, large)).rejects.toThrow('RecordTooLarge')
  })

  it('keeps ports and data over kill -9 and SIGTERM', async () => {
    const { address } = broker
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      await produceWithJava(address, [{ records: [{ topic: 'kept', value: signal }] }])
      await broker.kill(signal)
      expect(await isAnswering(address)).toBe(false)
      await broker.restart()
      expect(broker.address).toBe(address)
    }
    expect(await valuesIn(address, 'kept')).toEqual(['SIGKILL', 'SIGTERM'])
  })

  it('is silent between SIGSTOP and SIGCONT', async () => {
    await broker.kill('SIGSTOP')
    expect(await isAnswering(broker.address)).toBe(false)
    await broker.kill('SIGCONT')
    expect(await isAnswering(broker.address)).toBe(true)
  })

  it('can be stopped while it is silent, and twice', async () => {
    await broker.kill('SIGSTOP')
    await broker.stop()
    await broker.stop()
    expect(await isAnswering(broker.address)).toBe(false)
  })
})

describeWithKafka('a broker with TLS, users and ACLs', () => {
  let broker: TestBroker
  let certificates: Certificates

  beforeAll(async () => {
    broker = await startBroker({
      listeners: {
        TLS: { security: 'SSL' },
        MUTUAL: { security: 'SSL', clientCertificate: 'required' },
        SASL: { security: 'SASL_PLAINTEXT' },
        SECURE: { security: 'SASL_SSL' },
      },
      users: [
        { name: 'reader', password: 'reader-secret' },
        { name: 'nobody', password: 'b ä=;]' },
      ],
      acls: true,
    })
    certificates = broker.certificates!
    const { address } = broker
    await createTopicWithJava(address, { name: 'secret', partitions: 1 })
    await produceWithJava(address, [{ records: [{ topic: 'secret', value: 'a' }] }])
    const users = ['reader', 'CN=client'].flatMap((name) => ['--allow-principal', `User:${name}`])
    const rule = ['--operation', 'read', '--topic', 'secret', ...users]
    const acls = 'org.apache.kafka.tools.AclCommand'
    await runKafkaCommand(acls, ['--bootstrap-server', address, '--add', ...rule])
  })
  afterAll(() => broker.stop())

  function trusting(ca: string): JavaSettings {
    return {
      ...impatient,
      'security.protocol': 'SSL',
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': ca,
    }
  }

  function read(listener: string, settings: JavaSettings): Promise<readonly string[]> {
    return valuesIn(broker.addresses[listener]!, 'secret', { ...impatient, ...settings })
  }

  function login(mechanism: string, username: string, password: string): JavaSettings {
    const kind = mechanism === 'PLAIN' ? 'plain.PlainLoginModule' : 'scram.ScramLoginModule'
    const account = `username="${username}" password="${password}"`
    return {
      'security.protocol': 'SASL_PLAINTEXT',
      'sasl.mechanism': mechanism,
      'sasl.jaas.config': `org.apache.kafka.common.security.${kind} required ${account};`,
    }
  }

  it('lets its own CA in, and no other one', async () => {
    expect(await read('TLS', trusting(certificates.ca))).toEqual(['a'])
    await expect(read('TLS', trusting(certificates.otherCa))).rejects.toThrow(/SSL|certif/i)
  })

  it('knows a client by its certificate, and refuses it without', async () => {
    const key = await identity(certificates)
    expect(await read('MUTUAL', { ...trusting(certificates.ca), ...key })).toEqual(['a'])
    await expect(read('MUTUAL', trusting(certificates.ca))).rejects.toThrow(/SSL|certificate/i)
  })

  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
    'knows its users by %s',
    async (mechanism) => {
      expect(await read('SASL', login(mechanism, 'reader', 'reader-secret'))).toEqual(['a'])
      await expect(read('SASL', login(mechanism, 'nobody', 'b ä=;]'))).rejects.toThrow(
        'Not authorized',
      )
      await expect(read('SASL', login(mechanism, 'reader', 'wrong'))).rejects.toThrow(
        /[Aa]uthentication/,
      )
      const secure = {
        ...login(mechanism, 'reader', 'reader-secret'),
        ...trusting(certificates.ca),
      }
      expect(await read('SECURE', { ...secure, 'security.protocol': 'SASL_SSL' })).toEqual(['a'])
    },
  )
})

/** The settings of a Java client with the client certificate. */
async function identity({ clientCertificate, clientKey }: Certificates): Promise<JavaSettings> {
  const { stdout } = await runCommand('cat', [clientKey, clientCertificate])
  const [key, chain] = stdout.split(/(?=-----BEGIN CERTIFICATE)/)
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.key': key!.replaceAll('\n', ' '),
    'ssl.keystore.certificate.chain': chain!.replaceAll('\n', ' '),
  }
}

describe('a machine without a broker', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-no-broker-'))
  const program = join(import.meta.dirname, 'broker/start-broker.ts')
  // As installing is the last resort, its program is one that does not work.
  symlinkSync('/bin/false', join(folder, 'apt-get'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('says of each way why it is none', async () => {
    const script = `import { startBroker } from ${JSON.stringify(program)}
      try { await startBroker() } catch (error) { process.stdout.write(error.message) }`
    const { stdout } = await runCommand(process.execPath, ['--input-type=module', '-e', script], {
      env: {
        KAFKA_BROKERS: '127.0.0.1:1,127.0.0.1:2',
        DOCKER_HOST: 'tcp://127.0.0.1:1',
        PATH: folder,
        XDG_CACHE_HOME: folder,
      },
    })
    expect(stdout).toMatch(/^there is no Kafka broker for this test:$/m)
    expect(stdout).toMatch(/^- KAFKA_BROKERS: no broker answers at 127\.0\.0\.1:1$/m)
    expect(stdout).toMatch(/^- Docker: no Docker daemon answers$/m)
    expect(stdout).toMatch(/^- Java and Maven: Java.*apt-get install default-jdk-headless/m)
  })
})
