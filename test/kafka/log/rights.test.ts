import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Log } from '../../../src/core/log.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { runKafkaCommand } from '../java/java-process.ts'
import { countOf, openLog, StageFixture } from './kafka-log-fixture.ts'

const user = { name: 'worker', password: 'worker-secret' }

/** What the README says that a worker needs, when somebody else makes the topics. */
const rules = [
  [
    '--topic',
    'stage-',
    '--operation',
    'Read',
    '--operation',
    'Write',
    '--operation',
    'DescribeConfigs',
  ],
  ['--topic', '_millrace.', '--operation', 'Read', '--operation', 'Write'],
  ['--group', 'stage-', '--operation', 'Read', '--operation', 'Delete'],
  ['--transactional-id', 'stage-', '--operation', 'Write'],
]

describeWithKafka('a worker that may not create topics', () => {
  let broker: TestBroker
  let admin: Log
  let log: Log
  beforeAll(async () => {
    broker = await startBroker({
      own: true,
      acls: true,
      users: [user],
      listeners: { SASL: { security: 'SASL_PLAINTEXT' } },
    })
    for (const rule of rules) {
      const principal = ['--allow-principal', `User:${user.name}`]
      const place = ['--bootstrap-server', broker.address, '--add']
      await runKafkaCommand('org.apache.kafka.tools.AclCommand', [
        ...place,
        ...principal,
        ...rule,
        '--resource-pattern-type',
        'prefixed',
      ])
    }
    admin = await openLog(broker.address)
    log = await openLog(broker.addresses['SASL']!, {
      connection: {
        brokers: [broker.addresses['SASL']!],
        tls: null,
        sasl: { mechanism: 'scram-sha-256', username: user.name, password: user.password },
        allowPlaintextPassword: false,
      },
    })
  })
  afterAll(async () => {
    await log.close()
    await admin.close()
    await broker.stop()
  })

  it('works where all topics exist', async () => {
    const stage = await StageFixture.create(admin)
    // Makes the topics of the engine itself.
    await admin.admin.storeManifest('stage', '{}')
    await (await stage.open()).close()
    await stage.write('a')
    const own = stage.at(log)
    await own.ensureTopics()
    await log.admin.storeManifest('stage', '{"a":1}')
    const task = await own.open()
    await task.commit(own.counting(1, 1))
    await task.close()
    expect(await countOf(await own.open())).toBe('1')
    await log.admin.reset({ topics: [], groups: [own.group] })
  })

  it('is told what it lacks where they do not', async () => {
    const missing = StageFixture.create(log)
    await expect(missing).rejects.toMatchObject({ code: 'LOG_REFUSED' })
    await expect(missing).rejects.toThrow(/creating the topic "stage-.*AUTHORIZATION_FAILED/)
  })

  it('is told which task it may not work on', async () => {
    const stage = (await StageFixture.create(admin)).at(log)
    const opened = stage.open({ id: 'elsewhere.stage/0' })
    await expect(opened).rejects.toMatchObject({ code: 'LOG_REFUSED' })
    await expect(opened).rejects.toThrow('TRANSACTIONAL_ID_AUTHORIZATION_FAILED')
  })
})
