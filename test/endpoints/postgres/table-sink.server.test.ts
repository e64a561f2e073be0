import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Sink, SinkReceipt } from '../../../src/core/endpoints.ts'
import { describeWithPostgres, sharedPostgres } from '../describe-with-postgres.ts'
import { errorOf } from '../endpoint-fixture.ts'
import { PostgresPeer } from '../postgres-peer.ts'
import { aSink, batchOf, from, never, valuesOf } from './table-sink-fixture.ts'

const opened: (PostgresPeer | Sink)[] = []

async function aTable(columns: string): Promise<PostgresPeer> {
  const peer = await PostgresPeer.open(sharedPostgres, columns)
  opened.push(peer)
  return peer
}

type Config = Readonly<Record<string, unknown>>

async function begun(peer: PostgresPeer, config: Config = {}, memory: unknown = null) {
  const { sink, notices } = aSink(peer.connection, { table: peer.table, ...config }, memory as null)
  opened.push(sink)
  return { sink, notices, memory: await sink.begin() }
}

function refused({ refused: records }: SinkReceipt): number[] {
  return (records ?? []).map(({ index }) => index)
}

async function rowsOf(peer: PostgresPeer, order = 'id'): Promise<unknown[]> {
  return peer.sql(`SELECT * FROM ${peer.table} ORDER BY ${order}`)
}

describeWithPostgres('rows of a table', () => {
  afterEach(async () => {
    for (const each of opened.splice(0).toReversed()) {
      await (each instanceof PostgresPeer ? each.remove() : each.close())
    }
  })

  it('have the values of the fields, exactly', async () => {
    const peer = await aTable(
      'id bigint, amount numeric, name text, at timestamptz, tags text[], more jsonb, raw json, ok boolean, day timestamp',
    )
    const { sink } = await begun(peer)
    const value =
      '{"id":9007199254740993,"amount":12345678901234567890.123456789012345678,"name":"é \\u00fc \\ud83d\\ude00 \'\\"\\\\ \\n","at":"2026-01-01T00:00:00.123456Z","tags":["a","b,\\"c"],"more":{"x":[1,null]},"raw":{"b":1,"a":1e2},"ok":false,"day":"2026-01-01T10:00:00Z"}'
    await sink.write(valuesOf(value), never, from(0))
    const [row] = await peer.sql(
      `SELECT id::text, amount::text, name, at::text, tags, more::text, raw::text, ok, day::text FROM ${peer.table}`,
    )
    expect(row).toMatchObject({
      id: '9007199254740993',
      amount: '12345678901234567890.123456789012345678',
      name: 'é ü 😀 \'"\\ \n',
      tags: ['a', 'b,"c'],
      more: '{"x": [1, null]}',
      raw: '{"b":1,"a":1e2}',
      ok: false,
      day: '2026-01-01 10:00:00',
    })
  })

  it('have quotes, SQL and line ends in them, and in the names of tables and columns', async () => {
    const peer = await aTable('id int')
    const name = `x"; DROP TABLE "y'; --`
    const table = `t";\r\n'$1 ${peer.table}`
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
    await peer.sql(`CREATE TABLE ${quoted(table)} (id int PRIMARY KEY, ${quoted(name)} text)`)
    try {
      const { sink } = await begun(peer, { table: ['public', table], mode: 'upsert' })
      const evil = `'); DROP TABLE ${peer.table}; --\r\n"$1"\\`
      await sink.write(valuesOf({ id: 1, [name]: evil }, { id: 1, [name]: `${evil}!` }), never)
      const rows = await peer.sql(`SELECT ${quoted(name)} AS it FROM ${quoted(table)}`)
      expect(rows).toEqual([{ it: `${evil}!` }])
      await expect(rowsOf(peer)).resolves.toEqual([])
    } finally {
      await peer.sql(`DROP TABLE ${quoted(table)}`)
    }
  })

  it('get the defaults of columns without a field, and keep them at an update', async () => {
    const peer = await aTable("id int PRIMARY KEY, a text DEFAULT 'none', b text DEFAULT 'none'")
    const { sink } = await begun(peer, { mode: 'upsert' })
    await sink.write(valuesOf({ id: 1, a: 'x' }, { id: 2 }, { b: 'y', id: 3 }), never, from(0))
    await sink.write(valuesOf({ id: 1, b: 'y' }, { id: 2, a: null }), never, from(3))
    expect(await rowsOf(peer)).toEqual([
      { id: 1, a: 'x', b: 'y' },
      { id: 2, a: null, b: 'none' },
      { id: 3, a: 'none', b: 'y' },
    ])
  })

  it('are made by expressions where there are some', async () => {
    const peer = await aTable('id text PRIMARY KEY, total numeric')
    const { sink } = await begun(peer, {
      mode: 'upsert',
      columns: { id: 'key', total: 'value.a + value.b' },
    })
    const { failures } = await sink.write(
      batchOf([
        { key: 'x', value: { a: 1, b: 2 } },
        { key: 'y', value: { a: 1 } },
      ]),
      never,
      from(0),
    )
    expect(failures).toMatchObject([{ index: 1, code: 'RECORD_EXPRESSION' }])
    expect(await rowsOf(peer)).toEqual([{ id: 'x', total: '3' }])
  })

  it('of one key come in order, with and without other fields, and gone again', async () => {
    const peer = await aTable('id text PRIMARY KEY, a int, b int')
    const { sink } = await begun(peer, { mode: 'upsert', delete_on_null: true })
    await sink.write(
      batchOf([
        { key: 'x', value: { id: 'x', a: 1 } },
        { key: 'x', value: { id: 'x', a: 2 } },
        { key: 'x', value: { id: 'x', b: 3 } },
        { key: 'y', value: { id: 'y', a: 1, b: 1 } },
        { key: 'y', value: null },
        { key: 'z', value: { id: 'z', a: 1 } },
        { key: 'z', value: null },
        { key: 'z', value: { id: 'z', b: 2 } },
      ]),
      never,
      from(0),
    )
    expect(await rowsOf(peer)).toEqual([
      { id: 'x', a: 2, b: 3 },
      { id: 'z', a: null, b: 2 },
    ])
  })

  it('are deleted by several columns, which the key lists', async () => {
    const peer = await aTable('id int, part text, n int, PRIMARY KEY (part, id)')
    const { sink } = await begun(peer, { mode: 'upsert', delete_on_null: true })
    await sink.write(valuesOf({ id: 1, part: 'a', n: 1 }, { id: 2, part: 'a', n: 1 }), never)
    const receipt = await sink.write(
      batchOf([
        { key: '["a",1]', value: null },
        { key: '{"id":2,"part":"b"}', value: null },
        { key: 'a', value: null },
        { key: null, value: null },
      ]),
      never,
    )
    expect(receipt.failures.map(({ index }) => index)).toEqual([2, 3])
    expect(await rowsOf(peer)).toEqual([{ id: 2, part: 'a', n: 1 }])
  })

  it('that are there already stay with "do: nothing", the first of a batch too', async () => {
    const peer = await aTable('id int PRIMARY KEY, a int')
    const { sink } = await begun(peer, { mode: 'upsert', conflict: { do: 'nothing' } })
    await sink.write(valuesOf({ id: 1, a: 1 }, { id: 1, a: 2 }), never, from(0))
    await sink.write(valuesOf({ id: 1, a: 3 }), never, from(2))
    expect(await rowsOf(peer)).toEqual([{ id: 1, a: 1 }])
  })

  it('are equal where the server says so', async () => {
    const peer = await aTable('id numeric PRIMARY KEY, a int')
    const { sink } = await begun(peer, { mode: 'upsert' })
    const batch = valuesOf('{"id":1,"a":1}', '{"id":1.0,"a":2}', '{"id":"1.00","a":3}')
    expect((await sink.write(batch, never)).failures).toEqual([])
    expect(await peer.sql(`SELECT a FROM ${peer.table}`)).toEqual([{ a: 3 }])
  })
})

describeWithPostgres('a row that the server does not take', () => {
  let peer: PostgresPeer

  beforeEach(async () => {
    peer = await aTable('id int PRIMARY KEY CHECK (id < 1000), name varchar(5) NOT NULL, at date')
  })

  afterEach(async () => {
    for (const each of opened.splice(0).toReversed()) {
      await (each instanceof PostgresPeer ? each.remove() : each.close())
    }
  })

  it.each([
    ['a text for a number', { id: 'secret', name: 'x' }, '22P02'],
    ['a fraction for a whole number', { id: 1.5, name: 'x' }, '22P02'],
    ['a number that is too large', { id: 99_999_999_999, name: 'secret' }, '22003'],
    ['a text that is too long', { id: 50, name: 'secret' }, '22001'],
    ['a NUL', { id: 50, name: 'a\0b' }, '22P05'],
    ['half a character', '{"id":50,"name":"\\ud800"}', '22P02'],
    ['a day that is none', { id: 50, name: 'x', at: '2026-02-30' }, '22008'],
    ['null where there must be something', { id: 50, name: null }, '23502'],
    ['a column without default left out', { id: 50 }, '23502'],
    ['what a constraint forbids', { id: 1000, name: 'x' }, '23514'],
  ])('fails alone: %s', async (_, value, code) => {
    const { sink } = await begun(peer)
    const good = Array.from({ length: 40 }, (_row, id) => ({ id, name: 'x' }))
    const receipt = await sink.write(
      valuesOf(...good.slice(0, 17), value, ...good.slice(17)),
      never,
      from(0),
    )
    expect(receipt.failures).toMatchObject([{ index: 17, code: 'RECORD_REJECTED' }])
    expect(receipt.failures[0]!.message).toContain(`SQLSTATE ${code}`)
    expect(receipt.failures[0]!.message).not.toContain('secret')
    expect(refused(receipt)).toEqual([])
    expect(await rowsOf(peer)).toHaveLength(40)
  })

  it.each([
    ['no JSON', '{"id":', 'RECORD_DECODE', 'no JSON'],
    ['no object', '[1]', 'RECORD_REJECTED', 'no object'],
    ['an empty object', '{}', 'RECORD_REJECTED', 'no field of the value is a column'],
    ['a field without a column', { id: 1, nmae: 'x' }, 'RECORD_REJECTED', 'mean "name"'],
    ['a null', null, 'RECORD_REJECTED', 'delete_on_null'],
    ['a nest of lists', `{"id":${'['.repeat(3_000)}`, 'RECORD_DECODE', 'no JSON'],
  ])('need not be sent to be known: %s', async (_, value, code, message) => {
    const { sink } = await begun(peer)
    const receipt = await sink.write(valuesOf({ id: 1, name: 'x' }, value), never, from(0))
    expect(receipt.failures).toMatchObject([
      { index: 1, code, message: expect.stringContaining(message) },
    ])
    expect(await rowsOf(peer)).toHaveLength(1)
  })

  it('may be taken later where that is up to other rows', async () => {
    const { sink } = await begun(peer)
    await sink.write(valuesOf({ id: 1, name: 'old' }), never, from(0))
    const batch = valuesOf({ id: 1, name: 'new' }, { id: 2, name: 'x' })
    expect(refused(await sink.write(batch, never, from(1)))).toEqual([0])
    expect(await rowsOf(peer)).toMatchObject([{ name: 'old' }, { name: 'x' }])
    await peer.sql(`DELETE FROM ${peer.table} WHERE id = 1`)
    expect(refused(await sink.write(valuesOf({ id: 1, name: 'new' }), never, from(1)))).toEqual([])
    expect(await rowsOf(peer)).toMatchObject([{ name: 'new' }, { name: 'x' }])
  })

  it('leaves out what is no column where that is wished', async () => {
    const { sink } = await begun(peer, { extra_fields: 'ignore' })
    const { failures } = await sink.write(valuesOf({ id: 1, name: 'x', more: 1 }), never)
    expect(failures).toEqual([])
    expect(await rowsOf(peer)).toMatchObject([{ id: 1 }])
  })

  it('takes little longer when all of a batch are bad', async () => {
    const { sink } = await begun(peer)
    const bad = Array.from({ length: 500 }, () => ({ id: 1_000, name: 'x' }))
    const receipt = await sink.write(valuesOf(...bad), never, from(0))
    expect(receipt.failures.map(({ index }) => index)).toEqual(bad.map((_, index) => index))
  })
})

describeWithPostgres('the position beside the rows', () => {
  afterEach(async () => {
    for (const each of opened.splice(0).toReversed()) {
      await (each instanceof PostgresPeer ? each.remove() : each.close())
    }
  })

  const rows = (count: number, first = 0) =>
    valuesOf(...Array.from({ length: count }, (_, index) => ({ n: first + index })))
  const numbers = async (peer: PostgresPeer) =>
    (await peer.sql(`SELECT n FROM ${peer.table} ORDER BY at`)).map(({ n }) => n)
  const aList = () => aTable('at serial, n int CHECK (n <> 3)')

  it('has a record written once, in whatever batches it comes again', async () => {
    const peer = await aList()
    const { sink, memory } = await begun(peer)
    await sink.write(rows(3), never, from(0))
    const again = await begun(peer, {}, memory)
    await again.sink.write(rows(2, 1), never, from(1))
    expect(await numbers(peer)).toEqual([0, 1, 2])
    await again.sink.write(valuesOf({ n: 2 }, { n: 7 }), never, from(2))
    expect(await numbers(peer)).toEqual([0, 1, 2, 7])
  })

  it('has what failed fail again, as long as the log may not know', async () => {
    const peer = await aList()
    const { sink, memory } = await begun(peer)
    const first = await sink.write(rows(5), never, from(0))
    expect(first.failures).toMatchObject([{ index: 3 }])
    const again = await begun(peer, {}, memory)
    expect((await again.sink.write(rows(5), never, from(0))).failures).toMatchObject([{ index: 3 }])
    // The log has the first of them for sure when the one after the next is written.
    for (const offset of [5, 6]) await again.sink.write(valuesOf({ n: 8 }), never, from(offset))
    expect((await again.sink.write(rows(5), never, from(0))).failures).toEqual([])
    expect(await numbers(peer)).toEqual([0, 1, 2, 4, 8, 8])
  })

  it('is one for each partition, and tells several results of one record apart', async () => {
    const peer = await aList()
    const { sink, memory } = await begun(peer)
    await sink.write(rows(2), never, from(10, 'a/0'))
    await sink.write(rows(2), never, from(10, 'b/0'))
    const split = { input: () => 'a/0', offset: () => 12n, ordinal: (index: number) => index }
    const batch = valuesOf({ n: 5 }, { n: 3 }, { n: 6 })
    expect((await sink.write(batch, never, split)).failures).toMatchObject([{ index: 1 }])
    const again = await begun(peer, {}, memory)
    expect((await again.sink.write(batch, never, split)).failures).toMatchObject([{ index: 1 }])
    expect(await numbers(peer)).toEqual([0, 1, 0, 1, 5, 6])
  })

  it('has a record written once also when two processes believe to have the task', async () => {
    const peer = await aList()
    const { sink: first, memory } = await begun(peer)
    const { sink: second } = await begun(peer, {}, memory)
    const all = Array.from({ length: 20 }, (_, index) => index)
    const run = async (sink: Sink, size: number) => {
      for (let at = 0; at < 200; at += size) {
        const values = all.slice(0, size).map((index) => ({ n: 100 + at + index }))
        await sink.write(valuesOf(...values), never, from(at))
      }
    }
    await Promise.all([run(first, 20), run(second, 10)])
    expect((await numbers(peer)).toSorted()).toEqual(
      Array.from({ length: 200 }, (_, index) => 100 + index),
    )
  })

  it('begins anew with a new log, and says when the server has forgotten', async () => {
    const peer = await aList()
    const { sink } = await begun(peer)
    await sink.write(rows(2), never, from(0))
    const other = await begun(peer)
    await other.sink.write(rows(2), never, from(0))
    expect(await numbers(peer)).toEqual([0, 1, 0, 1])
    expect(other.notices).toEqual([])
    const { notices } = await begun(peer, {}, { id: 'gone' })
    expect(notices).toMatchObject([
      expect.stringContaining('"millrace_positions" has lost the row'),
    ])
  })

  it('is kept in the table that the setting names, and nowhere when it is false', async () => {
    const peer = await aList()
    const table = `positions_${peer.table}`
    const { sink } = await begun(peer, { positions: ['public', table] })
    await sink.write(rows(2), never, from(0))
    const [row] = await peer.sql(`SELECT task, positions FROM ${table}`)
    expect(row).toMatchObject({ task: 'p.write/0', positions: { next: { 'in/0': '2' } } })
    await peer.sql(`DROP TABLE ${table}`)
    const { sink: without, memory } = await begun(peer, { positions: false })
    expect(memory).toBeNull()
    for (let times = 0; times < 2; times++) await without.write(rows(1), never, from(0))
    expect(await numbers(peer)).toEqual([0, 1, 0, 0])
  })
})

describeWithPostgres('a server that cannot be used', () => {
  afterEach(async () => {
    for (const each of opened.splice(0).toReversed()) {
      await (each instanceof PostgresPeer ? each.remove() : each.close())
    }
  })

  it.each([
    [{ table: 'nowhere' }, 'there is no table "nowhere"'],
    [{ columns: { nmae: 'key' } }, 'has no column "nmae"; did you mean "name"?'],
    [{ columns: { twice: 'key' } }, 'the column "twice" of the table'],
    [{ mode: 'upsert' }, 'has no primary key: name columns in "conflict.by"'],
  ])('says what is wrong with %j', async (config, message) => {
    const peer = await aTable('name text, n int, twice int GENERATED ALWAYS AS (n * 2) STORED')
    const { sink } = aSink(peer.connection, { table: peer.table, ...config })
    opened.push(sink)
    const error = await errorOf(sink.begin())
    expect(error.code).toBe('PEER_REFUSED')
    expect(error.message).toContain(message)
  })

  it.each([
    [{ password: 'hunter2' }, 'PEER_REFUSED', 'password authentication failed'],
    [{ password: null }, 'PEER_REFUSED', 'the connection has none'],
    [{ database: 'nowhere' }, 'PEER_REFUSED', 'database "nowhere" does not exist'],
    [
      { tls: { ca: null, cert: null, key: null, serverName: null, insecureSkipVerify: false } },
      'PEER_REFUSED',
      'SSL',
    ],
    [{ port: 1 }, 'PEER_UNAVAILABLE', 'nothing listens there'],
    [{ host: '/nowhere' }, 'PEER_UNAVAILABLE', 'no socket in this folder'],
  ])('says so: %j', async (settings, code, message) => {
    const peer = await aTable('n int')
    const { sink } = aSink({ ...peer.connection, ...settings }, { table: peer.table })
    opened.push(sink)
    const error = await errorOf(sink.begin())
    expect(error).toMatchObject({ code })
    expect(error.message).toContain(message)
    expect(error.message).toMatch(/^the PostgreSQL connection "db" \(/)
    expect(error.message).not.toContain('hunter2')
  })

  it('is waited for as long as it allows no writing or has no room', async () => {
    const peer = await aTable('n int')
    const role = `writer_${peer.table}`
    await peer.sql(
      `CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT INSERT ON ${peer.table} TO ${role}`,
    )
    const settings = { ...peer.connection, user: role, password: 'x' }
    const { sink } = aSink(settings, { table: peer.table, positions: false })
    opened.push(sink)
    const writing = () => sink.write(valuesOf({ n: 1 }), never)
    try {
      await peer.sql(`ALTER ROLE ${role} SET default_transaction_read_only = on`)
      await peer.sql(`ALTER ROLE ${role} CONNECTION LIMIT 0`)
      expect(await errorOf(writing())).toMatchObject({ code: 'PEER_UNAVAILABLE' })
      await peer.sql(`ALTER ROLE ${role} CONNECTION LIMIT 5`)
      await writing()
      await peer.sql(`REVOKE INSERT ON ${peer.table} FROM ${role}`)
      const error = await errorOf(writing())
      expect(error.message).toContain('permission denied')
      expect(error.code).toBe('PEER_REFUSED')
    } finally {
      await sink.close()
      await peer.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })

  it('is away when it does not answer in time, or is to stop', async () => {
    const peer = await aTable('n int')
    const { sink } = await begun(peer, { timeout: '100ms' })
    peer.silent()
    expect(await errorOf(sink.write(valuesOf({ n: 1 }), never, from(0)))).toMatchObject({
      code: 'PEER_UNAVAILABLE',
      message: expect.stringContaining('no answer within'),
    })
    const stop = AbortSignal.timeout(50)
    expect(await errorOf(sink.write(valuesOf({ n: 1 }), stop, from(0)))).toMatchObject({
      code: 'PEER_UNAVAILABLE',
    })
    peer.back()
    await sink.write(valuesOf({ n: 1 }), never, from(0))
    expect(await peer.sql(`SELECT n FROM ${peer.table}`)).toEqual([{ n: 1 }])
  })

  it('is asked again after a deadlock', async () => {
    const peer = await aTable('n int PRIMARY KEY, a int')
    const { sink } = await begun(peer, { mode: 'upsert' })
    const { sink: other } = await begun(peer, { mode: 'upsert' })
    const ascending = Array.from({ length: 300 }, (_, n) => ({ n, a: 1 }))
    for (let round = 0; round < 10; round++) {
      await Promise.all([
        sink.write(valuesOf(...ascending), never, from(round * 1_000, 'a/0')),
        other.write(valuesOf(...ascending.toReversed()), never, from(round * 1_000, 'b/0')),
      ])
    }
    expect(await peer.sql(`SELECT count(*)::int AS count FROM ${peer.table}`)).toEqual([
      { count: 300 },
    ])
  })
})
