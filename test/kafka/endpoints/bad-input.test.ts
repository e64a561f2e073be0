import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { CliResult } from '../../e2e/cli-process.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { runKafkaCommand } from '../java/java-process.ts'
import { produceWithJava } from '../java/kafka-tool.ts'
import {
  copyPipeline,
  createTopics,
  PipelineFolder,
  recordsOf,
  stopped,
  text,
} from './endpoint-pipeline.ts'

const user = { name: 'mill', password: 'r4ce-secret' }
const folders: PipelineFolder[] = []

describeWithKafka('a source and a sink that something is wrong with', () => {
  let broker: TestBroker
  let login: string

  beforeAll(async () => {
    broker = await startBroker({
      own: true,
      users: [user],
      acls: true,
      listeners: { LOGIN: { security: 'SASL_PLAINTEXT' } },
    })
    login = broker.addresses['LOGIN']!
    await createTopics(broker.address, { open: 1, closed: 1, 'open-out': 1, 'closed-out': 1 })
    await createTopics(broker.address, { 'small-out': 1 }, { 'max.message.bytes': '1000' })
    const records = ['1', 'x'.repeat(2_000), '3'].map((value) => ({ topic: 'open', value }))
    await produceWithJava(broker.address, [{ records }])
    await allow('read', 'open')
    await allow('write', 'open-out')
    await allow('write', 'small-out')
  })
  afterAll(() => broker.stop())
  afterEach(() => {
    for (const made of folders.splice(0)) made.remove()
  })

  async function allow(operation: string, topic: string): Promise<void> {
    const rule = ['--operation', operation, '--topic', topic]
    const who = ['--allow-principal', `User:${user.name}`]
    const acls = 'org.apache.kafka.tools.AclCommand'
    await runKafkaCommand(acls, ['--bootstrap-server', broker.address, '--add', ...rule, ...who])
  }

  /** By SCRAM, with the password of the environment. */
  const sasl = `      sasl:
        mechanism: scram-sha-256
        username: ${user.name}
        password: \${secret:KAFKA_PASSWORD}
`

  function folder(pipeline: string): PipelineFolder {
    const made = new PipelineFolder(pipeline)
    folders.push(made)
    return made
  }

  function start(settings: { source?: string; sink?: string }, password: string = user.password) {
    const pipeline = copyPipeline(login, {
      source: 'topics: open\nbounded: true',
      sink: 'topic: open-out',
      more: sasl,
      ...settings,
    })
    return folder(pipeline).run([], { env: { KAFKA_PASSWORD: password } })
  }

  /** Clean, and with a code that says: the set-up is wrong. */
  function expectRefused({ code, stderr }: CliResult, ...messages: readonly string[]): void {
    for (const message of messages) expect(stderr).toContain(message)
    expect(stderr).toContain('(LOG_REFUSED)')
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(stderr).not.toContain(user.password)
    expect(code).toBe(2)
  }

  it('works while all is well', async () => {
    const { code, stderr } = await start({}).ended
    expect(code, stderr).toBe(0)
    expect(await recordsOf(broker.address, 'open-out', { count: 3 })).toHaveLength(3)
  })

  it('is a password: the setting and the address are named', async () => {
    expectRefused(
      await start({}, 'wrong').ended,
      `the Kafka connection "main" (${login})`,
      'SASL SCRAM SHA256 authentication failed',
      '"connections.main.kafka.sasl.password"',
    )
  })

  it('is a topic that is not there', async () => {
    // Who may not describe a topic is not told that it does not exist.
    await allow('describe', 'missing')
    expectRefused(
      await start({ source: 'topics: [open, missing]' }).ended,
      `the Kafka connection "main" (${login}) has no topic "missing": correct \`topics\`, or create it there`,
    )
    expectRefused(
      await start({ sink: 'topic: missing' }).ended,
      `has no topic "missing": correct \`topic\`, or create it there`,
    )
  })

  it('is a right that the user lacks', async () => {
    expectRefused(
      await start({ source: 'topics: closed\nbounded: true' }).ended,
      login,
      `the user "mill" needs the rights Describe and Read on the topic "closed"`,
    )
    expectRefused(
      await start({ sink: 'topic: closed-out' }).ended,
      login,
      `the user "mill" needs the rights Describe and Write on the topic "closed-out"`,
    )
    await allow('describe', 'closed-out')
    expectRefused(
      await start({ sink: 'topic: closed-out' }).ended,
      `needs the rights Describe and Write on the topic "closed-out"`,
    )
  })

  it('is a right on the group: it does without', async () => {
    const { code, stderr } = await start({
      source: 'topics: open\nbounded: true\ngroup: tools',
      sink: 'topic: open-out',
    }).ended
    expect(stderr).toMatch(
      /the consumer group "tools" does not show how far the source is: .*GROUP_AUTHORIZATION_FAILED\); it takes the right Read on the group "tools"/,
    )
    expect(code).toBe(0)
  })

  it('is a record that is too large, where the limit may not be read: it fails alone', async () => {
    const run = start({ sink: 'topic: small-out' })
    const { code, stderr } = await run.ended
    expect(code, stderr).toBe(0)
    const found = await recordsOf(broker.address, 'small-out', { count: 2 })
    expect(found.map(({ value }) => text(value))).toEqual(['1', '3'])
    const made = folders.at(-1)!
    const { stdout } = await made.command(['dlq', 'ls', '--json']).ended
    expect(stdout).toContain('RECORD_TOO_LARGE')
  })

  it('is an address where nothing listens: the stages wait, and say where', async () => {
    const address = `127.0.0.1:${await freePort()}`
    const run = folder(copyPipeline(address)).run()
    await run.until(({ stderr }) => stderr.includes('(PEER_UNAVAILABLE)'))
    expect(run.stderr).toContain(
      `is blocked: the Kafka connection "main" (${address}): connecting to the broker at ${address}: nothing listens there: start the broker, or correct "connections.main.kafka.brokers"`,
    )
    expect(await stopped(run)).toBe(0)
  })

  it('is a server that is no Kafka broker', async () => {
    const server = createServer((socket) => socket.end('220 mail.example\r\n'))
    const address = await new Promise<string>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        resolve(`127.0.0.1:${(server.address() as { port: number }).port}`)
      })
    })
    expectRefused(
      await folder(copyPipeline(address)).run().ended,
      address,
      'this is no Kafka broker: correct "connections.main.kafka.brokers"',
    )
    server.close()
  })

  it('is a name or a setting in the file: line and column are told', async () => {
    const wrong = copyPipeline(login, { source: 'topic: open' }).replace(
      'connection: main',
      'connection: mian',
    )
    const { code, stderr } = await folder(wrong).run().ended
    expect(code).toBe(2)
    expect(stderr).toMatch(/^pipeline\.yaml:\d+:\d+: .*topic.*did you mean "topics"/m)
    const unknown = copyPipeline(login).replace('connection: main', 'connection: mian')
    const result = await folder(unknown).command(['validate', 'pipeline.yaml']).ended
    expect(result.stderr).toMatch(
      /^pipeline\.yaml:\d+:\d+: .*no connection is called "mian"; did you mean "main"\?/m,
    )
  })
})

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
