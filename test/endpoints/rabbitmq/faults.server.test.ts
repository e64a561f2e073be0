import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Source } from '../../../src/core/endpoints.ts'
import { type RabbitmqServer, startRabbitmq } from '../rabbitmq-server.ts'
import { describeWithRabbitmq } from '../describe-with-rabbitmq.ts'
import { aConnection, aSource, clock, SourceReading, TestClient } from './rabbitmq-fixture.ts'

describeWithRabbitmq('the source rabbitmq, when its server fails', () => {
  let server: RabbitmqServer
  let client: TestClient
  let source: Source | undefined

  beforeEach(async () => {
    server = await startRabbitmq()
    client = await TestClient.open(server)
  })
  afterEach(async () => {
    await source?.close()
    await client.close()
    await server.stop()
  })

  it('loses nothing and repeats nothing that has an id when the server is killed and comes back', async () => {
    const queue = await client.queue('killed')
    const bodies = Array.from({ length: 20_000 }, (_, index) => `m-${index}`)
    await client.send(queue, bodies, (index) => ({ messageId: `m-${index}` }))
    await server.untilQueuesAreKept()
    source = aSource(aConnection(server), { queue })
    const reading = new SourceReading()
    const read = reading.until(source, bodies.length, 60_000)
    while (reading.values.length < 4_000) await clock.sleep(1)
    await server.kill('SIGKILL')
    const soFar = reading.values.length
    expect(soFar).toBeLessThan(bodies.length)
    await clock.sleep(500)
    await server.start()
    expect((await read).toSorted()).toEqual(bodies.toSorted())
    expect(reading.blockedBy.length).toBeGreaterThan(0)
    await source.close()
    const after = await TestClient.open(server)
    expect(await after.ready(queue)).toBe(0)
    await after.close()
  })

  it('notices a server that hangs, and goes on when it runs again', async () => {
    const queue = await client.queue('hanging')
    await client.send(queue, ['before'])
    source = aSource(aConnection(server, { heartbeatMs: 1_000, connectTimeoutMs: 1_000 }), {
      queue,
    })
    const reading = new SourceReading()
    const read = reading.until(source, 2, 40_000)
    while (reading.values.length < 1) await clock.sleep(10)
    await server.kill('SIGSTOP')
    while (reading.blockedBy.length < 2) await clock.sleep(10)
    expect(reading.blockedBy[0]).toContain('Heartbeat timeout')
    expect(reading.blockedBy[1]).toContain('no answer within 1000 ms')
    await server.kill('SIGCONT')
    await client.send(queue, ['after'])
    expect(await read).toEqual(['before', 'after'])
  })

  it('closes in time while the server hangs', async () => {
    const queue = await client.queue('closing')
    source = aSource(aConnection(server), { queue })
    const stop = new AbortController()
    const { signal } = stop
    const read = source.read({ maxRecords: 1, maxBytes: 1, signal })
    await clock.sleep(500)
    await server.kill('SIGSTOP')
    const startedUs = clock.monotonicUs()
    stop.abort()
    expect(await read).toBeNull()
    await source.close()
    expect(clock.monotonicUs() - startedUs).toBeLessThan(4_000_000)
    await server.kill('SIGCONT')
  })
})
