import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { LogFinding } from '../../../src/core/log.ts'
import { millrace, Workspace } from '../../e2e/cli-process.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { createTopics } from '../endpoints/endpoint-pipeline.ts'

const workspaces: Workspace[] = []
const user = { name: 'reader', password: 'reader-secret' }

async function doctor(log: string, env: Readonly<Record<string, string>> = {}) {
  const workspace = new Workspace()
  workspaces.push(workspace)
  const args = ['doctor', '--log', log, '--json']
  const { code, stdout, stderr } = await millrace(args, { cwd: workspace.folder, env })
  const { findings } = JSON.parse(stdout || '{"findings":[]}') as {
    findings: readonly LogFinding[]
  }
  return { code, stderr, stdout, of: new Map(findings.map((each) => [each.name, each])) }
}

describeWithKafka('millrace doctor --log kafka://...', () => {
  let broker: TestBroker
  beforeAll(async () => {
    broker = await startBroker({
      own: true,
      acls: true,
      users: [user],
      listeners: { LOGIN: { security: 'SASL_PLAINTEXT' } },
    })
  })
  afterAll(() => broker.stop())
  afterEach(() => {
    for (const made of workspaces.splice(0)) made.remove()
  })

  it('says that all is well: reached, version, clock, rights, topics', async () => {
    const config = { 'cleanup.policy': 'compact' }
    await createTopics(broker.address, { 'good.s.changelog': 1 }, config)
    const { code, of, stdout } = await doctor(`kafka://${broker.address}`)
    expect(code, stdout).toBe(0)
    expect(of.get('cluster')).toMatchObject({ status: 'ok' })
    expect(of.get('cluster')!.text).toContain(`kafka://${broker.address} was reached in`)
    expect(of.get('version')).toMatchObject({ status: 'ok' })
    expect(of.get('version')!.text).toContain('Kafka 4.0 or newer')
    expect(of.get('rights')!.text).toContain('topics can be created')
    expect(of.get('topics')).toMatchObject({ status: 'ok' })
    const [, ms] = /is (\d+) ms (?:behind|ahead of) this machine/.exec(of.get('clock')!.text) ?? []
    expect(Number(ms)).toBeLessThan(1_500)
  }, 30_000)

  it('names what is wrong with topics, and fails', async () => {
    await createTopics(broker.address, { 'lossy.s.changelog': 1 }, { 'cleanup.policy': 'delete' })
    const { code, of } = await doctor(`kafka://${broker.address}`)
    expect(of.get('topics')).toMatchObject({ status: 'wrong' })
    expect(of.get('topics')!.text).toContain(
      'the topic lossy.s.changelog has cleanup.policy=delete, which removes what is needed: set it to compact',
    )
    expect(code).toBe(1)
  }, 30_000)

  it('says what a user may not do', async () => {
    const { code, of } = await doctor(`kafka://${broker.addresses['LOGIN']!}`, {
      MILLRACE_KAFKA_SASL_MECHANISM: 'scram-sha-512',
      MILLRACE_KAFKA_SASL_USERNAME: user.name,
      MILLRACE_KAFKA_SASL_PASSWORD: user.password,
    })
    expect(code).toBe(0)
    expect(of.get('rights')).toMatchObject({ status: 'warning' })
    expect(of.get('rights')!.text).toMatch(
      /none can be created .*the user "reader".*--no-create-topics/,
    )
    expect(of.get('clock')).toMatchObject({ status: 'warning' })
  }, 30_000)

  it('fails where nobody answers, and refuses what is no log', async () => {
    const away = await doctor('kafka://127.0.0.1:1')
    expect(away.code).toBe(1)
    expect(away.of.get('cluster')).toMatchObject({ status: 'wrong' })
    expect(away.of.get('cluster')!.text).toContain('start the broker, or correct --log')
    expect((await doctor('kafak://x')).code).toBe(2)
  }, 30_000)
})
