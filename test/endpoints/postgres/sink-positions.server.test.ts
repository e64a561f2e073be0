import { afterEach, expect, it } from 'vitest'
import type { Sink } from '../../../src/core/endpoints.ts'
import { describeWithPostgres, sharedPostgres } from '../describe-with-postgres.ts'
import { errorOf } from '../endpoint-fixture.ts'
import { PostgresPeer } from '../postgres-peer.ts'
import { aSink, from, never, valuesOf } from './table-sink-fixture.ts'

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
    expect((await numbers(peer)).toSorted((left, right) => Number(left) - Number(right))).toEqual(
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
    const stop = new AbortController()
    const stopped = errorOf(sink.write(valuesOf({ n: 1 }), stop.signal, from(0)))
    stop.abort()
    expect(await stopped).toMatchObject({ code: 'PEER_UNAVAILABLE' })
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
