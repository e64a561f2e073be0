import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import { describeWithPostgres } from '../describe-with-postgres.ts'
import { errorOf } from '../endpoint-fixture.ts'
import { aSink, from, never, valuesOf } from '../postgres/table-sink-fixture.ts'
import {
  asConnection,
  startPostgres,
  type PostgresServer,
  type PostgresStop,
} from '../postgres-server.ts'
import { TcpProxy } from '../tcp-proxy.ts'
import { eventually, kill, memoryOf, sinkPipeline, SuitePipeline } from '../suite-pipeline.ts'

const clock = createSystemClock()
const count = 60_000
const application = 'crashes'

describeWithPostgres('rows that are inserted while something dies', () => {
  let server: PostgresServer
  let pipeline: SuitePipeline | null = null

  beforeAll(async () => {
    server = await startPostgres({ checkpoint_timeout: '30s' })
  })

  afterAll(() => server.remove())

  afterEach(async () => {
    pipeline?.remove()
    pipeline = null
    await server.sql('DROP TABLE rows, millrace_positions')
  })

  /** Without a unique index: what is written twice stays. */
  async function aPipeline(records = count): Promise<SuitePipeline> {
    await server.sql('CREATE TABLE rows (key text, n int)')
    const { host, port, database, user, password } = server.address
    const connections = [
      'db:',
      '  postgres:',
      `    host: ${host}`,
      `    port: ${port}`,
      `    database: ${database}`,
      `    user: ${user}`,
      '    password: ${secret:PASSWORD}',
      `    application_name: ${application}`,
    ]
    const env = { PASSWORD: password }
    const settings = ['postgres:', '  connection: db', '  table: rows']
    pipeline = new SuitePipeline(sinkPipeline({ connections, settings }), { env })
    pipeline.input(Array.from({ length: records }, (_, n) => ({ key: `k${n % 7}`, n })))
    return pipeline
  }

  async function written(): Promise<number> {
    const rows = await server.sql('SELECT count(*)::int AS count FROM rows').catch(() => [])
    return Number(rows[0]?.['count'] ?? 0)
  }

  async function expectEachOnce(): Promise<void> {
    const wrong = await server.sql(
      `SELECT expected.n, count(rows.n)::int AS times FROM generate_series(0, ${count - 1}) AS expected (n)
        LEFT JOIN rows USING (n) GROUP BY 1 HAVING count(rows.n) <> 1 LIMIT 5`,
    )
    expect(wrong).toEqual([])
    expect(await written()).toBe(count)
    expect(pipeline?.deadLetters()).toEqual([])
  }

  it.each<PostgresStop>(['kill', 'immediate', 'fast'])(
    'are there once each when the server ends by %s in the middle of it, three times',
    async (how) => {
      const run = (await aPipeline()).start()
      for (const part of [0.05, 0.3, 0.6]) {
        await eventually('some rows', async () => (await written()) >= part * count)
        await server.stop(how)
        await clock.sleep(100)
        await server.start()
      }
      expect((await run.ended).code).toBe(0)
      await expectEachOnce()
    },
  )

  it('are there once each when the process of the session is killed, again and again', async () => {
    const run = (await aPipeline()).start()
    let kills = 0
    while ((await written()) < count && kills < 8) {
      await server.killBackend(application).catch(() => {})
      kills += 1
      await eventually('the server', () => server.isUp())
      const before = await written()
      await eventually('more rows', async () => (await written()) > before || before === count)
    }
    expect((await run.ended).code).toBe(0)
    expect(kills).toBeGreaterThan(1)
    await expectEachOnce()
  })

  it('are there once each when the pipeline and the server die in turn', async () => {
    const dying = await aPipeline()
    for (const part of [0.05, 0.3, 0.6]) {
      const run = dying.start()
      await eventually('some rows', async () => (await written()) >= part * count)
      await Promise.all([kill(run), server.stop('kill')])
      await server.start()
    }
    await dying.run()
    await expectEachOnce()
  })

  it.each([
    ['the connection is cut', async (proxy: TcpProxy) => proxy.cut(), 1],
    ['the process of the session is killed', () => server.killBackend(application), 0],
    ['the server is killed', () => server.stop('kill'), 0],
    ['the server is stopped', () => server.stop('immediate'), 0],
  ] as const)('are there once when %s during COMMIT', async (_, end, kept) => {
    await server.sql(
      `CREATE TABLE rows (n int);
      CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(1); RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON rows DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION slow()`,
    )
    const proxy = await TcpProxy.start(server.address)
    const settings = asConnection(server.address, {
      port: proxy.port,
      applicationName: application,
    })
    const { sink } = aSink(settings, { table: 'rows' })
    await sink.begin()
    const writing = errorOf(sink.write(valuesOf({ n: 1 }), never, from(0)))
    await eventually('the commit', async () => {
      const rows = await server.sql(
        "SELECT FROM pg_stat_activity WHERE application_name = $1 AND query = 'COMMIT'",
        [application],
      )
      return rows.length > 0
    })
    await end(proxy)
    expect(await writing).toMatchObject({ code: 'PEER_UNAVAILABLE' })
    if (!server.isRunning) await server.start()
    await eventually('the server', () => server.isUp())
    await eventually('the end of the session', async () => {
      const rows = await server.sql('SELECT FROM pg_stat_activity WHERE application_name = $1', [
        application,
      ])
      return rows.length === 0
    })
    expect(await server.sql('SELECT n FROM rows')).toHaveLength(kept)
    await sink.write(valuesOf({ n: 1 }), never, from(0))
    expect(await server.sql('SELECT n FROM rows')).toEqual([{ n: 1 }])
    await sink.close()
    await proxy.close()
    await server.sql('DROP FUNCTION slow CASCADE')
  })

  it('wait in the topic, and not in memory, while the server is slow', async () => {
    const waiting = await aPipeline(4 * count)
    await server.sql(
      `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';
      CREATE TRIGGER slow AFTER INSERT ON rows FOR EACH STATEMENT EXECUTE FUNCTION slow()`,
    )
    const run = waiting.start()
    await eventually('some rows', async () => (await written()) > 0)
    const sizes: number[] = []
    for (let times = 0; times < 10; times++) {
      await clock.sleep(300)
      sizes.push(memoryOf(run))
    }
    expect(await written()).toBeLessThan(2 * count)
    expect(Math.max(...sizes)).toBeLessThan(1.5 * sizes[0]!)
    await kill(run)
    await server.sql('DROP FUNCTION slow CASCADE')
  })
})
