import { once } from 'node:events'
import { request as send } from 'node:http'
import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { httpSource } from '../../../src/endpoints/sources/http.ts'
import { rawSocket, systemClock, textOf, until, type Sent } from '../http-fixture.ts'
import { anHttpSource as aSource, json } from '../http-source-fixture.ts'

describe('an http source', () => {
  test('stores a JSON body as it is and says so once it is committed', async () => {
    const { driver, send: post } = await aSource({ commits: false })
    const answered = post({ headers: json, body: '{"n": 12345678901234567890}' })
    let isAnswered = false
    void answered.then(() => (isAnswered = true))
    await until(() => driver.slices.length === 1)
    await systemClock.sleep(30)
    expect(isAnswered).toBe(false)
    driver.commit(driver.slices[0]!)
    const answer = await answered
    expect(answer).toMatchObject({ status: 202, json: { accepted: 1 } })
    expect(driver.values).toEqual(['{"n": 12345678901234567890}'])
  })

  test.each([
    ['an array', 'application/json', '[{"a":1}, {"a": 2}]', ['{"a":1}', '{"a": 2}']],
    ['an empty array', 'application/json', '[]', []],
    ['JSON without a type', undefined, '{"a":1}', ['{"a":1}']],
    ['JSON of a vendor', 'application/vnd.x+json; charset=utf-8', '{"a":1}', ['{"a":1}']],
    ['lines of JSON', 'application/x-ndjson', '{"a":1}\n\n{"a":2}\n', ['{"a":1}', '{"a":2}']],
    ['rows', 'text/csv', 'a,b\n1,"x\ny"\n', ['{"a":"1","b":"x\\ny"}']],
    ['lines of text', 'text/plain', 'one\ntwo', ['one', 'two']],
    ['a byte order mark', 'application/json', '\uFEFF{"a":1}', ['{"a":1}']],
  ])('takes %s by its content type', async (_, type, body, values) => {
    const { driver, send: post } = await aSource()
    const headers = type === undefined ? {} : { 'content-type': type }
    const answer = await post({ headers, body })
    expect(answer).toMatchObject({ status: 202, json: { accepted: values.length } })
    expect(driver.values).toEqual(values)
  })

  test('takes an array as one record where format says json', async () => {
    const { driver, send: post } = await aSource({ setting: { format: 'json' } })
    await post({ headers: json, body: '[1,2]' })
    expect(driver.values).toEqual(['[1,2]'])
  })

  test('takes bytes as they are', async () => {
    const { driver, send: post } = await aSource()
    const body = Buffer.from([0, 255, 10, 13])
    await post({ headers: { 'content-type': 'application/octet-stream' }, body })
    expect(driver.slices[0]!.batch.value(0)).toEqual(body)
  })

  test('tells steps where a record came from, without what is secret', async () => {
    const { driver, send: post } = await aSource()
    const headers = { ...json, authorization: 'Bearer s', cookie: 's', 'x-shop': 'nl' }
    await post({ path: '/in?a=1&b=x&b=y&__proto__=z', headers, body: '[1,2]' })
    const info = driver.slices[0]!.info(1)
    expect(info).toMatchObject({
      path: '/in',
      remote_ip: '127.0.0.1',
      line: 2,
      headers: { 'x-shop': 'nl' },
    })
    expect(JSON.stringify(info['query'])).toBe('{"a":"1","b":["x","y"],"__proto__":"z"}')
    expect(info['headers']).not.toHaveProperty('authorization')
    expect(info['headers']).not.toHaveProperty('cookie')
  })

  test('carries the trace of a request, and ignores one that breaks the rules', async () => {
    const { driver, send: post } = await aSource()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await post({ headers: { ...json, traceparent, tracestate: 'a=b' }, body: '1' })
    await post({ headers: { ...json, traceparent: '00-bad' }, body: '2' })
    expect(driver.headers).toEqual([{ traceparent, tracestate: 'a=b' }, {}])
  })

  test('stores the requests of many connections in few commits', async () => {
    const { driver, send: post } = await aSource({ commits: false })
    const bodies = Array.from({ length: 50 }, (_, index) => `${index}`)
    const answers = bodies.map((body) => post({ headers: json, body }))
    await until(() => driver.slices.length === 1)
    await systemClock.sleep(100)
    driver.commit(driver.slices[0]!)
    await until(() => driver.values.length === bodies.length)
    expect(driver.slices.length).toBeLessThanOrEqual(2)
    for (const slice of driver.slices.slice(1)) driver.commit(slice)
    expect((await Promise.all(answers)).every(({ status }) => status === 202)).toBe(true)
    expect(new Set(driver.values)).toEqual(new Set(bodies))
    expect(driver.values).toHaveLength(50)
  })

  test('decompresses bodies', async () => {
    const { driver, send: post } = await aSource()
    const headers = { ...json, 'content-encoding': 'gzip' }
    expect(await post({ headers, body: gzipSync('{"a":1}') })).toMatchObject({ status: 202 })
    expect(driver.values).toEqual(['{"a":1}'])
  })
})

describe('an http source refuses', () => {
  test.each<[string, Sent, number, string]>([
    ['another method', { method: 'GET' }, 405, 'method'],
    ['another path', { path: '/other' }, 404, 'path'],
    [
      'a form',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'a=1' },
      415,
      'content_type',
    ],
    [
      'an unknown encoding',
      { headers: { ...json, 'content-encoding': 'compress' }, body: '1' },
      415,
      'encoding',
    ],
    [
      'what is no gzip',
      { headers: { ...json, 'content-encoding': 'gzip' }, body: '1' },
      400,
      'encoding',
    ],
    [
      'a gzip bomb',
      { headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(8_000_000)) },
      413,
      'too_large',
    ],
    ['a large body', { headers: json, body: `"${'x'.repeat(2_000_000)}"` }, 413, 'too_large'],
    ['what is no JSON', { headers: json, body: '{"a":' }, 400, 'json'],
    ['an empty body', { headers: json, body: '' }, 400, 'json'],
    ['bytes that are no UTF-8', { headers: json, body: Buffer.from([34, 255, 34]) }, 400, 'json'],
    ['JSON that nests too deep', { headers: json, body: '['.repeat(100_000) }, 400, 'json'],
    [
      'a line that is no JSON',
      { headers: { 'content-type': 'application/x-ndjson' }, body: '1\nx\n3\n' },
      400,
      'json',
    ],
    [
      'a row with another number of fields',
      { headers: { 'content-type': 'text/csv' }, body: 'a,b\n1,2\n1\n' },
      400,
      'csv',
    ],
    [
      'pages of other sites',
      { headers: { ...json, origin: 'https://evil.example' }, body: '1' },
      403,
      'origin',
    ],
    [
      'a long key',
      { headers: { ...json, 'idempotency-key': 'k'.repeat(300) }, body: '1' },
      400,
      'key',
    ],
  ])('%s', async (_, sent, status, code) => {
    const { driver, send: post } = await aSource()
    const answer = await post(sent)
    expect(answer).toMatchObject({ status, json: { status, code } })
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(driver.values).toEqual([])
    expect(await post({ headers: json, body: '1' })).toMatchObject({ status: 202 })
  })

  test('and counts it by its reason', async () => {
    const drops: string[] = []
    const dropped = (drop: string) => void drops.push(drop)
    const { port, send: post } = await aSource({
      setting: { token: 't', max_body: '10B' },
      environment: { dropped },
    })
    const headers = { ...json, authorization: 'Bearer t' }
    await post({ headers: json, body: '1' })
    await post({ headers, body: '"more than ten"' })
    await post({ headers, body: '{' })
    const socket = rawSocket(port)
    socket.write(
      'POST /in HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer t\r\ncontent-length: 9\r\n\r\n1',
    )
    await systemClock.sleep(30)
    socket.destroy()
    await until(() => drops.length === 4)
    expect(drops).toEqual(['refused_client', 'too_large', 'refused_request', 'unfinished'])
  })

  test('who does not know the token', async () => {
    const { send: post } = await aSource({ setting: { token: 'let-me-in' } })
    const sent = (authorization?: string) =>
      post({
        headers: { ...json, ...(authorization === undefined ? {} : { authorization }) },
        body: '1',
      })
    expect(await sent()).toMatchObject({ status: 401, json: { code: 'token' } })
    expect(await sent('Bearer let-me-i')).toMatchObject({ status: 401 })
    expect(await sent('Basic let-me-in')).toMatchObject({ status: 401 })
    expect(await sent('Bearer let-me-in')).toMatchObject({ status: 202 })
  })

  test('a body that is too large before it was sent', async () => {
    const { port } = await aSource()
    const socket = rawSocket(port)
    socket.write(
      'POST /in HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n',
    )
    const [said] = (await once(socket, 'data')) as [Buffer]
    expect(said.toString()).toMatch(/^HTTP\/1\.1 413 /)
  })

  test('a body without end, with the memory of one that is allowed', async () => {
    const { port, driver } = await aSource({ setting: { format: 'ndjson', max_body: '64KiB' } })
    const socket = rawSocket(port)
    const said = textOf(socket)
    const closed = new Promise((resolve) => socket.on('close', resolve))
    socket.write('POST /in HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n')
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
    for (let sent = 0; sent < 1_000 && socket.writable; sent++)
      if (!socket.write(chunk)) await Promise.race([drained(socket), closed])
    expect(await said).toMatch(/^HTTP\/1\.1 413 /)
    expect(driver.values).toEqual([])
  })

  test('more than may wait, until there is room again', async () => {
    const { driver, send: post } = await aSource({
      setting: { max_waiting: 2 },
      commits: false,
    })
    const first = post({ headers: json, body: '0' })
    await until(() => driver.slices.length === 1)
    const waiting = [1, 2].map((value) => post({ headers: json, body: `${value}` }))
    await systemClock.sleep(50)
    const refused = await post({ headers: json, body: '3' })
    expect(refused).toMatchObject({ status: 429, json: { code: 'busy' } })
    expect(refused.headers['retry-after']).toBe('1')
    driver.commit(driver.slices[0]!)
    expect(await first).toMatchObject({ status: 202 })
    await until(() => driver.slices.length === 2)
    driver.commit(driver.slices[1]!)
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([202, 202])
    expect(driver.values).toEqual(['0', '1', '2'])
  })

  test('what cannot be stored in time', async () => {
    const { driver, send: post } = await aSource({ setting: { timeout: '300ms' }, commits: false })
    const first = post({ headers: json, body: '1' })
    await until(() => driver.slices.length === 1)
    const second = post({ headers: json, body: '2' })
    expect(await first).toMatchObject({ status: 503, json: { code: 'unsure' } })
    expect(await second).toMatchObject({ status: 503, json: { code: 'late' } })
    driver.commit(driver.slices[0]!)
    await systemClock.sleep(50)
    expect(driver.values).toEqual(['1'])
  })
})

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('drain', resolve))
}

describe('an http source with clients that go away', () => {
  test('stores nothing of half a body', async () => {
    const { port, driver, send: post } = await aSource()
    const socket = rawSocket(port)
    socket.write(
      'POST /in HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ncontent-length: 100\r\n\r\n1\n2\n',
    )
    await systemClock.sleep(30)
    socket.destroy()
    const chunked = rawSocket(port)
    chunked.write(
      'POST /in HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n2\r\n1\n\r\n',
    )
    await systemClock.sleep(30)
    chunked.destroy()
    await systemClock.sleep(30)
    await post({ headers: json, body: '3' })
    expect(driver.values).toEqual(['3'])
  })

  test('stores a whole request of who did not wait for the answer', async () => {
    const { port, driver } = await aSource()
    const request = send({ host: '127.0.0.1', port, path: '/in', method: 'POST', headers: json })
    request.on('error', () => {})
    request.end('7')
    await until(() => driver.values.length === 1)
    request.destroy()
    expect(driver.values).toEqual(['7'])
  })

  test('answers pipelined requests in their order', async () => {
    const { port, driver } = await aSource()
    const socket = rawSocket(port)
    const one = (body: string) =>
      `POST /in HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    socket.write(one('1') + one('x') + one('2').replace('host', 'connection: close\r\nhost'))
    const said = await textOf(socket)
    expect(said.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 202', 'HTTP/1.1 400', 'HTTP/1.1 202'])
    expect(driver.values).toEqual(['1', '2'])
  })

  test('stops with an answer for everybody', async () => {
    const { driver, send: post } = await aSource({ commits: false })
    const read = post({ headers: json, body: '1' })
    await until(() => driver.slices.length === 1)
    const waiting = post({ headers: json, body: '2' })
    await systemClock.sleep(50)
    const stopped = driver.stop()
    expect(await read).toMatchObject({ status: 503, json: { code: 'unsure' } })
    expect(await waiting).toMatchObject({ status: 503, json: { code: 'closing' } })
    await stopped
    await expect(post({ headers: json, body: '3' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('the settings of an http source', () => {
  test.each([
    [{ port: 80 }],
    [{ path: 'in', port: 80 }],
    [{ path: '/in?x', port: 80 }],
    [{ path: '/in', port: 70_000 }],
    [{ path: '/in', port: 80, format: 'json', delimiter: ';' }],
    [{ path: '/in', port: 80, reply: {} }],
  ])('refuse %o', (setting) => {
    expect(httpSource.config.safeParse(setting).success).toBe(false)
  })

  test('promise more where each request has a key', () => {
    const of = (required: boolean) =>
      httpSource.guarantee?.(
        httpSource.config.parse({ path: '/in', port: 80, idempotency: { required } }),
      )
    expect(of(true)?.guarantee).toBe('effectively_once')
    expect(of(false)?.guarantee).toBe('at_least_once')
  })
})

describe('a source that has begun to listen', () => {
  test('says where, and does not warn of it', async () => {
    const source = await aSource()
    expect(source.told).toEqual([
      expect.stringMatching(/^the http source listens on http:\/\/127\.0\.0\.1:\d+\//),
    ])
    expect(source.notices).toEqual([])
  })
})

describe('a source that everybody can reach', () => {
  test('says so, unless there is a token', async () => {
    const open = await aSource({ setting: { host: '0.0.0.0' } })
    expect(open.notices.join()).toContain('whoever reaches it')
    const closed = await aSource({ setting: { host: '0.0.0.0', token: 't' } })
    expect(closed.notices.join()).not.toContain('whoever reaches it')
  })
})
