import { afterAll, beforeAll, expect, it } from 'vitest'
import type { FetchRequest, KafkaClient } from '../../../src/logs/kafka/client/kafka-client.ts'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { runCommand } from '../broker/run-command.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { again, clock, connectTo, failureOf, Scene, until } from './client-fixture.ts'

describeWithKafka('a client whose broker goes away', () => {
  let broker: TestBroker
  let client: KafkaClient
  const warnings: Error[] = []
  const onWarning = (warning: Error) => warnings.push(warning)

  beforeAll(async () => {
    process.on('warning', onWarning)
    broker = await startBroker({ own: true })
    client = await connectTo(broker.address, { requestTimeoutMs: 2_000, connectTimeoutMs: 2_000 })
  })
  afterAll(async () => {
    await client.close()
    await broker.stop()
    process.off('warning', onWarning)
  })

  it('recovers by itself after kill -9 with requests under way', { timeout: 90_000 }, async () => {
    const scene = await Scene.open(client, 'restart-kill')
    await scene.produce(['before'])
    await scene.begin('restart-kill')
    // It waits at the broker for somebody else, so it is under way when the broker dies.
    const join = {
      group: 'restart-kill',
      memberId: '',
      instanceId: 'a',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 30_000,
      protocol: 'tests',
      metadata: new Uint8Array(0),
    }
    await again(() => client.joinGroup(join))
    const joining = failureOf(client.joinGroup({ ...join, instanceId: 'b' }))
    const node = await client.leaderOf(scene.at())
    const fetching = failureOf(
      client.fetch(node, waitingFetch(scene), new AbortController().signal),
    )
    await clock.sleep(200)
    await broker.kill('SIGKILL')
    expect(await joining).toMatchObject({ code: 'CONNECTION', kind: 'indefinite' })
    expect(await fetching).toMatchObject({ code: 'CONNECTION', kind: 'retriable' })
    const refused = await failureOf(scene.produce(['while it is down']))
    expect(refused).toMatchObject({ code: 'CONNECTION', kind: 'retriable' })
    expect(refused.message).toContain(`${broker.address}: nothing listens there`)

    await broker.restart()
    const startUs = clock.monotonicUs()
    await again(() => scene.produce(['after']))
    expect(clock.monotonicUs() - startUs).toBeLessThan(15_000_000)
    await scene.begin('restart-kill')
    expect(await again(() => scene.values('read_committed'))).toEqual(['before', 'after'])
    expect(await again(() => client.fetchOffsets('restart-kill', [scene.at()]))).toEqual([null])
  })

  it(
    'does not wait for ever for a broker that is stopped, and goes on when it is back',
    { timeout: 90_000 },
    async () => {
      const scene = await Scene.open(client, 'restart-stop')
      await scene.produce(['before'])
      await broker.kill('SIGSTOP')
      try {
        const written = await failureOf(scene.produce(['during']))
        expect(written).toMatchObject({ code: 'TIMEOUT', kind: 'indefinite' })
        const read = await failureOf(client.listOffsets([scene.at()], 'latest', 'read_committed'))
        expect(read).toMatchObject({ code: 'TIMEOUT', kind: 'retriable' })
      } finally {
        await broker.kill('SIGCONT')
      }
      await again(() => scene.produce(['after']))
      // What was given up on is done later, as brokers do.
      await until(async () => (await scene.values('read_committed')).length === 3)
    },
  )

  it('has made no warnings of Node, such as for timers', () => {
    expect(warnings).toEqual([])
  })

  it('fails what is under way when it is closed, and everything after', async () => {
    const other = await connectTo(broker.address)
    const scene = new Scene(other, 'restart-stop')
    const node = await other.leaderOf(scene.at())
    const fetching = failureOf(
      other.fetch(
        node,
        { ...waitingFetch(scene), partitions: [{ ...scene.at(), offset: 3n, maxBytes: 1 }] },
        new AbortController().signal,
      ),
    )
    await clock.sleep(50)
    await other.close()
    expect(await fetching).toMatchObject({ code: 'CLOSED', kind: 'fatal' })
    expect(await failureOf(scene.produce(['x']))).toMatchObject({ code: 'CLOSED', kind: 'fatal' })
    await other.close()
  })

  it('keeps no process alive once it is closed', async () => {
    const script = `
      import { clock, connectTo, Scene } from './client-fixture.ts'
      const client = await connectTo('${broker.address}')
      const scene = new Scene(client, 'restart-stop')
      await scene.produce(['x'])
      const node = await client.leaderOf(scene.at())
      const stopping = new AbortController()
      const request = { maxWaitMs: 30_000, minBytes: 1, maxBytes: 1000, isolation: 'read_committed' }
      const partitions = [{ ...scene.at(), offset: 4n, maxBytes: 1000 }]
      const fetching = client.fetch(node, { ...request, partitions }, stopping.signal)
      await clock.sleep(50)
      stopping.abort()
      await fetching
      await client.close()
      process.stdout.write('closed')`
    const startUs = clock.monotonicUs()
    const args = ['--input-type=module-typescript', '-e', script]
    const { code, stdout, stderr } = await runCommand(process.execPath, args, {
      cwd: import.meta.dirname,
    })
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'closed', stderr: '' })
    expect(clock.monotonicUs() - startUs).toBeLessThan(10_000_000)
  })
})

/** It waits at the broker. */
function waitingFetch(scene: Scene): FetchRequest {
  const maxBytes = 1_000_000
  return {
    maxWaitMs: 30_000,
    minBytes: 1,
    maxBytes,
    isolation: 'read_committed',
    partitions: [{ ...scene.at(), offset: 1n, maxBytes }],
  }
}
