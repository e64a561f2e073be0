import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Sink, SinkReceipt } from '../../../src/core/endpoints.ts'
import { describeWithPostgres, sharedPostgres } from '../describe-with-postgres.ts'
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
