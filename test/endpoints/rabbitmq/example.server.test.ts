import { readFileSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import { CliProcess, Workspace } from '../../e2e/cli-process.ts'
import { runCommand } from '../../kafka/broker/run-command.ts'
import { describeWithRabbitmq, sharedRabbitmq } from '../describe-with-rabbitmq.ts'
import { pythonWith } from '../python-client.ts'
import { stop } from '../suite-pipeline.ts'
import { TestClient } from './rabbitmq-fixture.ts'

const count = 70

describeWithRabbitmq('the example pipelines/rabbitmq.yaml', () => {
  const workspace = new Workspace({
    'rabbitmq.yaml': readFileSync('pipelines/rabbitmq.yaml', 'utf8'),
  })
  afterAll(() => workspace.remove())

  it('answers a producer in Python, and hands on what it has cleaned', async ({ skip }) => {
    const python = await pythonWith('pika', '1.3.2')
    if (python === null) return skip('no Python with pika')
    const { host, port, user, password } = sharedRabbitmq
    const env = {
      RABBITMQ_HOST: host,
      RABBITMQ_PORT: String(port),
      RABBITMQ_USER: user,
      RABBITMQ_PASSWORD: password,
    }
    const run = new CliProcess(['run', 'rabbitmq.yaml'], { cwd: workspace.folder, env })
    const { code, stdout, stderr } = await runCommand(
      python,
      ['pipelines/rabbitmq-producer.py', String(count)],
      { env },
    )
    expect([code, stderr]).toEqual([0, ''])
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { correlation_id: string; answer: object })
    expect(answers).toHaveLength(count - 10)
    expect(answers.find(({ correlation_id: id }) => id === 'o-2')?.answer).toMatchObject({
      order_id: 'o-2',
      amount: 12.5,
      country: 'NL',
    })

    const client = await TestClient.open(sharedRabbitmq)
    const handedOn = await client.all('shop.orders.clean', count - 10)
    expect(handedOn.map(({ properties }) => properties.correlationId as string).toSorted()).toEqual(
      answers.map(({ correlation_id: id }) => id).toSorted(),
    )
    const [first] = handedOn
    expect(first?.properties.headers?.['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    expect((await stop(run)).code).toBe(0)
    expect([await client.ready('shop.orders'), handedOn.length]).toEqual([0, count - 10])
    await client.close()
  })
})
