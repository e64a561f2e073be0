import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { CliProcess, type CliResult, Workspace } from '../../e2e/cli-process.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { connections, createTopics } from '../endpoints/endpoint-pipeline.ts'
import { runKafkaCommand } from '../java/java-process.ts'
import { hasTasks } from '../workers/fleet.ts'

/** Each lacks the rights on one kind of resource. */
const users = ['no-topic', 'no-group', 'no-id'].map((name) => ({
  name,
  password: `${name}-secret`,
}))
const workspaces: Workspace[] = []
const servers: Server[] = []

function copying(name: string, more = '', head = ''): string {
  return `pipeline: ${name}
${head}stages:
  - name: clean
    from: ${name}.raw
    steps:
      - set:
          seen: true
    to: ${name}.out
${more}`
}

describeWithKafka('a log on Kafka that something is wrong with', () => {
  let broker: TestBroker

  beforeAll(async () => {
    broker = await startBroker({
      own: true,
      users,
      acls: true,
      listeners: { LOGIN: { security: 'SASL_PLAINTEXT' }, TLS: { security: 'SSL' } },
    })
    const allow = async (who: readonly string[], ...what: readonly string[]) => {
      const principals = who.flatMap((name) => ['--allow-principal', `User:${name}`])
      const rule = ['--add', ...principals, '--operation', 'All', ...what]
      await runKafkaCommand('org.apache.kafka.tools.AclCommand', [
        '--bootstrap-server',
        broker.address,
        ...rule,
        '--resource-pattern-type',
        'prefixed',
      ])
    }
    await allow(['no-group', 'no-id'], '--topic', 'bad', '--topic', '_millrace.')
    await allow(['no-topic', 'no-id'], '--group', 'bad')
    await allow(['no-topic', 'no-group'], '--transactional-id', 'bad')
    await createTopics(broker.address, { 'bad.raw': 1, 'bad-two.raw': 1, 'bad-three.raw': 1 })
  }, 60_000)
  afterAll(() => broker.stop())
  afterEach(() => {
    for (const made of workspaces.splice(0)) made.remove()
    for (const server of servers.splice(0)) server.close()
  })

  function start(
    pipeline: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): CliProcess {
    const workspace = new Workspace({ 'pipeline.yaml': pipeline })
    workspaces.push(workspace)
    const command = ['run', 'pipeline.yaml', '--threads', '0', ...args]
    return new CliProcess(command, { cwd: workspace.folder, env })
  }

  function run(address: string, env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
    return start(copying('bad'), ['--log', `kafka://${address}`], env).ended
  }

  function login(name: string, password = `${name}-secret`): Readonly<Record<string, string>> {
    return {
      MILLRACE_KAFKA_SASL_MECHANISM: 'scram-sha-256',
      MILLRACE_KAFKA_SASL_USERNAME: name,
      MILLRACE_KAFKA_SASL_PASSWORD: password,
    }
  }

  /** Clean, and with a code that says: the set-up is wrong. */
  function expectRefused({ code, stderr }: CliResult, ...messages: readonly string[]): void {
    for (const message of messages) expect(stderr).toContain(message)
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(stderr).not.toContain('-secret')
    expect(code, stderr).toBe(2)
  }

  async function listening(server: Server): Promise<string> {
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `127.0.0.1:${(server.address() as { port: number }).port}`
  }

  it('is an address that does not exist', async () => {
    const at = 'connecting to the broker at no-such-host.invalid:9092: no such host is known'
    expectRefused(await run('no-such-host.invalid'), `${at}: correct --log`)
    const inVariable = start(copying('bad'), [], { MILLRACE_LOG: 'kafka://no-such-host.invalid' })
    expectRefused(await inVariable.ended, `${at}: correct MILLRACE_LOG`)
    const head = `log:\n  kafka: main\n${connections('no-such-host.invalid')}`
    const inFile = start(copying('bad', '', head), [])
    expectRefused(await inFile.ended, `${at}: correct "connections.main.kafka.brokers"`)
  }, 30_000)

  it('is a server that is no Kafka broker', async () => {
    const address = await listening(createHttpServer())
    expectRefused(await run(address), address, 'this is no Kafka broker: correct --log')
    const silent = await listening(createServer())
    const { code, stderr } = await run(silent)
    expect(stderr).toMatch(
      /broker at 127\.0\.0\.1:\d+: no answer to the first request within 10000 ms: .* correct --log/,
    )
    // It may be one that hangs.
    expect(code).toBe(1)
  }, 40_000)

  it('is a port with TLS, or one without', async () => {
    expectRefused(
      await run(broker.addresses['TLS']!),
      broker.addresses['TLS']!,
      'the broker speaks TLS: set MILLRACE_KAFKA_TLS, or use its port without',
    )
    expectRefused(
      await run(broker.address, { MILLRACE_KAFKA_TLS: 'true' }),
      broker.address,
      'use the TLS port of the broker, or leave out MILLRACE_KAFKA_TLS',
    )
    expectRefused(
      await run(broker.addresses['TLS']!, { MILLRACE_KAFKA_TLS: 'true' }),
      broker.addresses['TLS']!,
      'check MILLRACE_KAFKA_TLS_CA',
    )
  }, 30_000)

  it('is a password, or that there is none', async () => {
    const address = broker.addresses['LOGIN']!
    expectRefused(
      await run(address, login('no-id', 'wrong')),
      address,
      'check MILLRACE_KAFKA_SASL_USERNAME, MILLRACE_KAFKA_SASL_PASSWORD and',
    )
    expectRefused(await run(address), address, 'MILLRACE_KAFKA_SASL_MECHANISM')
  }, 30_000)

  it.each([
    ['no-topic', /topic.* "bad\.raw"|the topic "/, 'TOPIC_AUTHORIZATION_FAILED'],
    ['no-group', /the group "bad/, 'GROUP_AUTHORIZATION_FAILED'],
    ['no-id', /the transactional id "bad\.clean\/0"/, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'],
  ] as const)(
    'is a right that the user lacks (%s)',
    async (name, what, kafkaCode) => {
      const address = broker.addresses['LOGIN']!
      const result = await run(address, login(name))
      const user = `the user "${name}" (MILLRACE_KAFKA_SASL_USERNAME), at ${address} (--log)`
      expectRefused(result, kafkaCode, '(LOG_REFUSED)', 'grant it by an ACL', user)
      expect(result.stderr).toMatch(what)
    },
    30_000,
  )

  it('is a topic that is missing and is not to be created', async () => {
    const log = ['--log', `kafka://${broker.address}`]
    expectRefused(
      await start(copying('bad-none'), [...log, '--no-create-topics']).ended,
      'bad-none.out, bad-none.clean.dlq, bad-none.clean.replay; create them with `millrace topics apply',
      'one topic is not on the Kafka log at',
      'no stage writes to it: bad-none.raw',
    )
  }, 30_000)

  it('is a topic with another number of partitions', async () => {
    const topics = 'topics:\n  bad-three.raw:\n    partitions: 3\n'
    expectRefused(
      await start(copying('bad-three', '', topics), ['--log', `kafka://${broker.address}`]).ended,
      'topic bad-three.raw is stored with 1 partitions, and the pipeline asks for 3: set its partitions to 1',
      '(CONFIG_INCOMPATIBLE)',
    )
  }, 30_000)

  it('is another file under the name of a pipeline that is at work', async () => {
    const log = ['--log', `kafka://${broker.address}`]
    const first = start(copying('bad-two'), log)
    await first.until(hasTasks)
    const other = start(copying('bad-two').replace('seen: true', 'seen: false'), log)
    expectRefused(
      await other.ended,
      'group bad-two does not take this worker in',
      'stop those workers',
    )
    expect(first.child.exitCode).toBe(null)
    first.child.kill('SIGTERM')
    expect((await first.ended).code).toBe(0)
  }, 40_000)
})
