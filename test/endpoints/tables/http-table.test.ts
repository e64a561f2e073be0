import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import type { HttpTableSettings } from '../../../src/core/table.ts'
import { openHttpClient } from '../../../src/endpoints/http/http-client.ts'
import { HttpTable } from '../../../src/endpoints/tables/http-table.ts'
import { compileTemplate } from '../../../src/expressions/compile-template.ts'
import { StubbedHttp } from '../../../src/simulation/stubbed-http.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { tableSettings } from '../../../src/spec/table-schema.ts'

function settingsOf(url: string, setting: object = {}): HttpTableSettings {
  const settings = tableSettings().parse({ http: url, ...setting }) as HttpTableSettings
  settings.url.bind(compileTemplate(settings.url.source, { scope: ['key'] }))
  return settings
}

const log = () => {}
const ok = { status: 200, body: { name: 'Ann' }, headers: {} }

/** A table with answers of a stub, and a clock that can be moved. */
function stubbed(answers: Parameters<StubbedHttp['stub']>[1], setting: object = {}) {
  const clock = new VirtualClock()
  const http = new StubbedHttp()
  http.stub('users', answers)
  const settings = settingsOf('http://users.example/${key}', setting)
  return { clock, table: new HttpTable('users', settings, { clock, http, log }) }
}

describe('a table over HTTP', () => {
  it('keeps an answer for `ttl`, and gives it at once', async () => {
    const { clock, table } = stubbed([ok, { ...ok, body: '"later"' }], { ttl: '10m' })
    expect(await table.find('u1')).toEqual({ name: 'Ann' })
    expect(table.find('u1')).toEqual({ name: 'Ann' })
    await clock.advance(600_000)
    expect(await table.find('u1')).toBe('later')
  })

  it.each([404, 410])('keeps for `missing_ttl` that there is nothing (%i)', async (status) => {
    const { clock, table } = stubbed([status, ok], { missing_ttl: '1m' })
    expect(await table.find('u1')).toBeUndefined()
    expect(table.find('u1')).toBeUndefined()
    await clock.advance(60_000)
    expect(await table.find('u1')).toEqual({ name: 'Ann' })
  })

  it.each([
    [429, 'PEER_UNAVAILABLE'],
    [408, 'PEER_UNAVAILABLE'],
    [503, 'PEER_UNAVAILABLE'],
    ['timeout', 'PEER_UNAVAILABLE'],
    ['refused', 'PEER_UNAVAILABLE'],
    [400, 'PEER_REJECTED'],
    [304, 'PEER_REJECTED'],
    [{ ...ok, body: 'x'.repeat(2_000) }, 'PEER_REJECTED'],
    [{ ...ok, body: '{' }, 'PEER_REJECTED'],
  ] as const)('keeps no error: %j is %s, and the next call asks again', async (answer, code) => {
    const { table } = stubbed([answer, ok], { max_answer: '1KB' })
    await expect(table.find('u1')).rejects.toMatchObject({ code })
    expect(await table.find('u1')).toEqual({ name: 'Ann' })
  })

  it('keeps so many answers, and leaves out those asked for least lately', async () => {
    const answer = (body: string) => ({ ...ok, body: JSON.stringify(body) })
    const { table } = stubbed([answer('a'), answer('b'), answer('c'), answer('b again')], {
      max_keys: 2,
    })
    await table.find('a')
    await table.find('b')
    expect(table.find('a')).toBe('a')
    await table.find('c')
    expect(table.find('a')).toBe('a')
    expect(await table.find('b')).toBe('b again')
  })

  it('is asked nothing for null, and refuses keys that are no text', () => {
    const { table } = stubbed([ok])
    expect(table.find(null)).toBeUndefined()
    expect(() => table.find(['a'])).toThrow(expect.objectContaining({ code: 'RECORD_TYPE' }))
  })
})

let server: Server | null = null
afterEach(() => void server?.close())

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const opened = createServer(answer)
  server = opened
  await new Promise<void>((resolve) => opened.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(opened.address() as AddressInfo).port}`
}

describe('a table over HTTP, from a server', () => {
  it('sends one request for equal keys, with the key as one part of the address', async () => {
    const urls: (string | undefined)[] = []
    const base = await serve((request, response) => {
      urls.push(`${request.url} ${String(request.headers['x-api'])}`)
      response.end('{"name":"Ann"}')
    })
    const clock = createSystemClock()
    const http = openHttpClient({ clock })
    const settings = settingsOf(`${base}/users/\${key}?full`, { headers: { 'x-api': 'k' } })
    const table = new HttpTable('users', settings, { clock, http, log })
    const keys = ['a/../b?', 'a/../b?', 'ü']
    const answers = await Promise.all(keys.map(async (key) => table.find(key)))
    expect(answers).toEqual([{ name: 'Ann' }, { name: 'Ann' }, { name: 'Ann' }])
    expect(new Set(urls)).toEqual(new Set(['/users/%C3%BC?full k', '/users/a%2F..%2Fb%3F?full k']))
    expect(urls).toHaveLength(2)
    await table.close()
    await http.close()
  })

  it('gives up after the deadline, and when it is closed', async () => {
    const base = await serve(() => {})
    const clock = createSystemClock()
    const http = openHttpClient({ clock })
    const table = new HttpTable('users', settingsOf(`${base}/\${key}`, { deadline: '50ms' }), {
      clock,
      http,
      log,
    })
    await expect(table.find('slow')).rejects.toMatchObject({ code: 'PEER_UNAVAILABLE' })
    const patient = new HttpTable('users', settingsOf(`${base}/\${key}`), { clock, http, log })
    const asked = patient.find('slow')
    await Promise.all([
      expect(asked).rejects.toMatchObject({ code: 'PEER_UNAVAILABLE' }),
      patient.close(),
    ])
    await http.close()
    server?.closeAllConnections()
  })
})
