import { afterEach, describe, expect, it } from 'vitest'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import type { Source } from '../../../src/core/endpoints.ts'
import type { JsonValue } from '../../../src/core/json.ts'
import { postgresSource } from '../../../src/endpoints/sources/postgres.ts'
import { itIsASource, type SourcePeer } from '../connector-suite.ts'
import { describeWithPostgres, sharedPostgres } from '../describe-with-postgres.ts'
import { anEnvironment, aRequest, errorOf, readSlices } from '../endpoint-fixture.ts'
import { aConnection } from '../postgres/table-sink-fixture.ts'
import { PostgresPeer } from '../postgres-peer.ts'

async function aPeer(): Promise<SourcePeer> {
  const peer = await PostgresPeer.open(
    sharedPostgres,
    'id bigserial PRIMARY KEY, key text, n bigint, text text',
  )
  return {
    connections: peer.connections,
    env: peer.env,
    settings: [
      'postgres:',
      '  connection: db',
      `  table: ${peer.table}`,
      '  cursor: id',
      '  every: 50ms',
      '  max_record: 2KiB',
    ],
    away: () => peer.away(),
    back: () => peer.back(),
    silent: () => peer.silent(),
    remove: () => peer.remove(),
    async send(values) {
      const rows = values.map((value) => (typeof value === 'string' ? { text: value } : value))
      await peer.sql(
        `INSERT INTO ${peer.table} (key, n, text)
          SELECT key, n, text FROM json_to_recordset($1) AS x (key text, n bigint, text text)`,
        [JSON.stringify(rows)],
      )
    },
  }
}

const opened: (PostgresPeer | Source)[] = []

async function aTable(columns: string): Promise<PostgresPeer> {
  const peer = await PostgresPeer.open(sharedPostgres, columns)
  opened.push(peer)
  return peer
}

function aSource(
  peer: PostgresPeer,
  config: Readonly<Record<string, unknown>>,
  positions: ReadonlyMap<string, JsonValue> = new Map(),
): Source {
  const setting = postgresSource.config.parse({ connection: 'db', bounded: true, ...config })
  const source = postgresSource.create(
    { ...setting, connection: aConnection(peer.connection) },
    { ...anEnvironment(), clock: createSystemClock() },
    positions,
  )
  opened.push(source)
  return source
}

describeWithPostgres('the source postgres', () => {
  describe('as a source', () => {
    itIsASource({
      open: aPeer,
      guarantee: 'once',
      bad: { text: 'x'.repeat(3_000), code: 'RECORD_TOO_LARGE' },
      blocked: /the PostgreSQL connection "db" .*the connection was cut/,
    })
  })
})

describeWithPostgres('rows as records', () => {
  afterEach(async () => {
    for (const each of opened.splice(0).toReversed()) {
      await (each instanceof PostgresPeer ? each.remove() : each.close())
    }
  })

  it('are JSON with numbers, times and JSON as they are', async () => {
    const peer = await aTable(
      'id bigint, a numeric, b timestamptz, c json, d text[], e bytea, f float8, g text',
    )
    await peer.sql(
      `INSERT INTO ${peer.table} VALUES (9007199254740993, 1234567890123456789.000000000000000010,
        '2026-01-01T01:00:00.123456+01', '{"b":1,"a":1e2}', '{a,"b,c"}', '\\x00ff', 0.1, E'"\\n€')`,
    )
    const { values } = await readSlices(aSource(peer, { table: peer.table, cursor: 'id' }))
    expect(values).toEqual([
      '{"id":9007199254740993,"a":1234567890123456789.000000000000000010,"b":"2026-01-01T00:00:00.123456+00:00","c":{"b":1,"a":1e2},"d":["a","b,c"],"e":"\\\\x00ff","f":0.1,"g":"\\"\\n€"}',
    ])
  })

  it('come each once by a cursor of two columns, in slices of any size', async () => {
    const peer = await aTable('"Id" int, at timestamptz')
    await peer.sql(
      `INSERT INTO ${peer.table} SELECT n, '2026-01-01'::timestamptz + (n / 10) * interval '1 us' FROM generate_series(0, 999) n`,
    )
    const config = { table: peer.table, cursor: ['at', 'Id'] }
    const numbers: number[] = []
    let positions = new Map<string, JsonValue>()
    for (const maxRecords of [1, 7, 95, 2_000]) {
      const read = await readSlices(aSource(peer, config, positions), aRequest({ maxRecords }), 3)
      numbers.push(...read.values.map((value) => (JSON.parse(value) as { Id: number }).Id))
      positions = new Map([...positions, ...read.positions])
    }
    expect(numbers).toEqual(Array.from({ length: 1_000 }, (_, index) => index))
  })

  it('come in slices of few bytes where they are large', async () => {
    const peer = await aTable('id int, text text')
    await peer.sql(
      `INSERT INTO ${peer.table} SELECT n, repeat('x', 10000) FROM generate_series(1, 300) n`,
    )
    const source = aSource(peer, { table: peer.table, cursor: 'id' })
    const request = aRequest({ maxBytes: 100_000 })
    const sizes: number[] = []
    for (
      let slice = await source.read(request);
      slice !== null;
      slice = await source.read(request)
    ) {
      sizes.push(slice.batch.count)
    }
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(300)
    // The first fetch does not know yet how large rows are.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(64)
    expect(Math.max(...sizes.slice(1))).toBeLessThanOrEqual(15)
  })

  it('come of any query, with a comment at its end, and of no row without a place', async () => {
    const peer = await aTable('id int, n int')
    await peer.sql(`INSERT INTO ${peer.table} VALUES (1, 1), (NULL, 2), (3, 3)`)
    const query = `WITH t AS (SELECT * FROM ${peer.table}) SELECT sum(n) AS s, id FROM t GROUP BY id ORDER BY n; --`
    const ordered = query.replace(' ORDER BY n; --', ' -- all of them')
    const { values } = await readSlices(aSource(peer, { query: ordered, cursor: 'id' }))
    expect(values).toEqual(['{"s":1,"id":1}', '{"s":3,"id":3}'])
  })

  it('wait until they are settled', async () => {
    const peer = await aTable('at timestamptz')
    await peer.sql(
      `INSERT INTO ${peer.table} VALUES (now() - interval '1 hour'), (now()), (now() + interval '1 hour')`,
    )
    const settled = (settle?: string) =>
      readSlices(aSource(peer, { table: peer.table, cursor: 'at', ...(settle && { settle }) }))
    expect((await settled('1m')).values).toHaveLength(1)
    expect((await settled('0ms')).values).toHaveLength(2)
    expect((await settled()).values).toHaveLength(3)
  })

  it.each([
    ['SELECT id, n', 'id', 'SQLSTATE 42703'],
    ['DELETE FROM nowhere', 'id', 'SQLSTATE 42601'],
    ['SELECT 1 AS id) AS q; DROP TABLE x; --', 'id', 'SQLSTATE 42601'],
    ['SELECT 1 AS it', 'id', 'the query has no column "id"'],
    ["SELECT '{}'::json AS id", 'id', 'SQLSTATE 42883'],
  ])('are none where the query is wrong: %s', async (query, cursor, message) => {
    const peer = await aTable('id int')
    const error = await errorOf(aSource(peer, { query, cursor }).read(aRequest()))
    expect(error.code).toBe('PEER_REFUSED')
    expect(error.message).toContain(message)
  })

  it('cannot be changed by the query', async () => {
    const peer = await aTable('id int')
    await peer.sql(
      `CREATE FUNCTION change_${peer.table}() RETURNS int LANGUAGE sql AS 'INSERT INTO ${peer.table} VALUES (1) RETURNING id'`,
    )
    const query = `SELECT change_${peer.table}() AS id`
    const error = await errorOf(aSource(peer, { query, cursor: 'id' }).read(aRequest()))
    expect(error.message).toContain('SQLSTATE 25006')
    expect(await peer.sql(`SELECT * FROM ${peer.table}`)).toEqual([])
    await peer.sql(`DROP FUNCTION change_${peer.table}`)
  })

  it('that take too long are asked for again', async () => {
    const peer = await aTable('id int')
    const query = 'SELECT 1 AS id FROM pg_sleep(30)'
    const source = aSource(peer, { query, cursor: 'id', timeout: '100ms' })
    expect(await errorOf(source.read(aRequest()))).toMatchObject({
      code: 'PEER_UNAVAILABLE',
      message: expect.stringContaining('SQLSTATE 57014'),
    })
  })
})
