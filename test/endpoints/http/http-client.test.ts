import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import type { HttpClient, HttpRequest } from '../../../src/core/http-client.ts'
import { openHttpClient } from '../../../src/endpoints/http/http-client.ts'

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const clock = createSystemClock()

function aClient(
  resolve?: NonNullable<Parameters<typeof openHttpClient>[0]['resolve']>,
): HttpClient {
  const client = openHttpClient({ clock, ...(resolve === undefined ? {} : { resolve }) })
  closing.push(() => client.close())
  return client
}

async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function aServer(respond: RequestListener): Promise<string> {
  const server = createServer(respond)
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return listening(server)
}

/** Answers with whatever bytes it likes. */
async function aRawServer(talk: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    talk(socket)
  })
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return listening(server)
}

function aRequest(url: string, changes: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}',
    deadlineMs: 5_000,
    maxAnswerBytes: 1_000,
    maxRedirects: 3,
    addresses: 'any',
    signal: new AbortController().signal,
    ...changes,
  }
}

const unavailable = { code: 'PEER_UNAVAILABLE' }
const rejected = { code: 'PEER_REJECTED' }

describe('an HTTP client', () => {
  test('gives back whatever the peer answers, of any status', async () => {
    const url = await aServer((request, response) => {
      request.on('data', (body: Buffer) => {
        response.writeHead(503, { 'Retry-After': '7', 'x-twice': ['a', 'b'] })
        response.end(`${request.method} ${request.url} ${body.toString()}`)
      })
    })
    const answer = await aClient().send(aRequest(`${url}/orders?x=1`))
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('7')
    expect(answer.headers.get('x-twice')).toMatch(/^a/)
    expect(Buffer.from(answer.body).toString()).toBe('POST /orders?x=1 {"a":1}')
    expect(answer.isCut).toBe(false)
  })

  test('uses a connection again', async () => {
    const ports = new Set<number | undefined>()
    const url = await aServer((request, response) => {
      ports.add(request.socket.remotePort)
      response.end()
    })
    const client = aClient()
    for (let sent = 0; sent < 10; sent++) await client.send(aRequest(url))
    // The second request may come before the first connection is known to be free.
    expect(ports.size).toBeLessThanOrEqual(2)
  })

  test('names the host and what happened where nothing listens', async () => {
    const url = await aRawServer(() => {})
    for (const close of closing.splice(0)) await close()
    const sent = aClient().send(aRequest(`${url}/secret-path?token=abc`))
    await expect(sent).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringMatching(/^127\.0\.0\.1:\d+ gave no answer: .*connection refused/),
    })
    await expect(sent).rejects.not.toMatchObject({ message: expect.stringContaining('token') })
  })

  test('says when a name cannot be resolved', async () => {
    const client = aClient(((_host: string, _options: unknown, done: (error: Error) => void) =>
      done(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }))) as never)
    await expect(client.send(aRequest('http://nowhere.example/'))).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('(DNS)'),
    })
  })

  test('says when TLS meets what is none', async () => {
    const url = await aServer((_, response) => response.end())
    await expect(aClient().send(aRequest(url.replace('http:', 'https:')))).rejects.toMatchObject(
      unavailable,
    )
  })

  test.each([
    ['says nothing', () => {}],
    ['says half a head', (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-')],
    [
      'never ends its body',
      (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'),
    ],
    ['says a byte now and then', (socket: Socket) => void drip(socket)],
  ])('ends a request in time to a peer that %s', async (_, talk) => {
    const url = await aRawServer(talk)
    const beganUs = clock.monotonicUs()
    await expect(aClient().send(aRequest(url, { deadlineMs: 200 }))).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('within 200 ms'),
    })
    expect(clock.monotonicUs() - beganUs).toBeLessThan(3_000_000)
  })

  test('ends a request when its signal aborts', async () => {
    const url = await aRawServer(() => {})
    const stop = new AbortController()
    const sent = aClient().send(aRequest(url, { signal: stop.signal }))
    stop.abort()
    await expect(sent).rejects.toMatchObject(unavailable)
    const late = aClient().send(aRequest(url, { signal: stop.signal }))
    await expect(late).rejects.toMatchObject(unavailable)
  })

  test.each([
    ['breaks off before it answers', (socket: Socket) => socket.destroy()],
    ['breaks off with a reset', (socket: Socket) => socket.resetAndDestroy()],
    ['talks no HTTP', (socket: Socket) => socket.end('220 mail.example ESMTP\r\n')],
    [
      'breaks off in its body',
      (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'),
    ],
    [
      'sends chunks that are none',
      (socket: Socket) =>
        socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n'),
    ],
    [
      'sends headers without end',
      (socket: Socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(100_000)}`),
    ],
    [
      'compresses with what is no compression',
      (socket: Socket) =>
        socket.end('HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc'),
    ],
  ])('takes a peer for away that %s', async (_, talk) => {
    const url = await aRawServer((socket) => socket.once('data', () => talk(socket)))
    await expect(aClient().send(aRequest(url))).rejects.toMatchObject(unavailable)
  })

  test('cuts off a body without end and closes the connection', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    const url = await aServer((_, response) => {
      response.on('close', resolve)
      const pour = () => {
        while (response.write('x'.repeat(10_000)));
      }
      response.on('drain', pour)
      pour()
    })
    const answer = await aClient().send(aRequest(url))
    expect(answer.body.length).toBe(1_000)
    expect(answer.isCut).toBe(true)
    await closed
  })

  test('decompresses no more of a bomb than it may give', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    const url = await aServer((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' })
      response.end(bomb)
    })
    const before = process.memoryUsage().rss
    const answer = await aClient().send(aRequest(url))
    expect(answer).toMatchObject({ status: 200, isCut: true })
    expect(answer.body.length).toBe(1_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 1024 * 1024)
  })

  test('decompresses a whole answer', async () => {
    const url = await aServer((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' })
      response.end(gzipSync('hello'))
    })
    const answer = await aClient().send(aRequest(url))
    expect(Buffer.from(answer.body).toString()).toBe('hello')
    expect(answer.isCut).toBe(false)
  })
})

describe('redirects', () => {
  test('of 307 take the body along, of 302 do not', async () => {
    const seen: string[] = []
    const url = await aServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        seen.push(`${request.method} ${request.url} ${Buffer.concat(parts).toString()}`)
        const status = Number(request.url?.slice(1))
        if (status > 300) response.writeHead(status, { location: '/0' })
        response.end()
      })
    })
    const client = aClient()
    await client.send(aRequest(`${url}/307`))
    await client.send(aRequest(`${url}/302`))
    expect(seen).toEqual(['POST /307 {"a":1}', 'POST /0 {"a":1}', 'POST /302 {"a":1}', 'GET /0 '])
  })

  test('keep what may be a secret from another origin', async () => {
    const { promise: seen, resolve } = Promise.withResolvers<unknown>()
    const other = await aServer((request, response) => {
      resolve(request.headers)
      response.end()
    })
    const url = await aServer((_, response) => response.writeHead(307, { location: other }).end())
    const headers = { authorization: 'Bearer s', 'x-api-key': 's', 'idempotency-key': 'k' }
    await aClient().send(aRequest(url, { headers }))
    expect(await seen).toMatchObject({ 'idempotency-key': 'k' })
    expect(await seen).not.toHaveProperty('authorization')
    expect(await seen).not.toHaveProperty('x-api-key')
  })

  test('end somewhere', async () => {
    let asked = 0
    const url = await aServer((_, response) => {
      asked += 1
      response.writeHead(302, { location: '/again' }).end()
    })
    await expect(aClient().send(aRequest(url))).rejects.toMatchObject(rejected)
    expect(asked).toBe(4)
  })

  test('are the answer where none is followed', async () => {
    const url = await aServer((_, response) => response.writeHead(302, { location: '/x' }).end())
    const answer = await aClient().send(aRequest(url, { maxRedirects: 0 }))
    expect(answer.status).toBe(302)
  })

  test.each(['file:///etc/passwd', 'gopher://localhost/', 'http://['])(
    'to %s are refused',
    async (location) => {
      const url = await aServer((_, response) => response.writeHead(302, { location }).end())
      await expect(aClient().send(aRequest(url))).rejects.toMatchObject(rejected)
    },
  )
})

describe('a request to public addresses only', () => {
  /** Says that any name is at this address. */
  const resolvingTo = (address: string) =>
    ((_host: string, _options: unknown, done: (error: null, found: unknown) => void) =>
      done(null, [{ address, family: address.includes(':') ? 6 : 4 }])) as never

  test.each([
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '2130706433',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
    '[fe80::1]',
    '[fd00::1]',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '224.0.0.1',
    '255.255.255.255',
  ])('is never sent to %s', async (host) => {
    const sent = aClient().send(aRequest(`http://${host}:9/`, { addresses: 'public' }))
    await expect(sent).rejects.toMatchObject(rejected)
  })

  test.each(['127.0.0.1', '169.254.169.254', '::1', '::ffff:10.0.0.1'])(
    'is never sent to a name that leads to %s',
    async (address) => {
      const sent = aClient(resolvingTo(address)).send(
        aRequest('http://innocent.example:9/', { addresses: 'public' }),
      )
      await expect(sent).rejects.toMatchObject(rejected)
    },
  )

  test('goes no way that another request has opened', async () => {
    let asked = 0
    const url = await aServer((_, response) => {
      asked += 1
      response.end()
    })
    const client = aClient()
    await client.send(aRequest(url))
    await expect(client.send(aRequest(url, { addresses: 'public' }))).rejects.toMatchObject(
      rejected,
    )
    expect(asked).toBe(1)
  })
})

describe('what cannot be sent', () => {
  test.each([
    ['a line break in a header', { headers: { 'x-name': 'a\r\nx-evil: 1' } }],
    ['a zero byte in a header', { headers: { 'x-name': 'a\u0000' } }],
    ['a line break in the name of a header', { headers: { 'x\r\ny': 'a' } }],
    ['another protocol', { url: 'file:///etc/passwd' }],
    ['what is no address', { url: 'orders' }],
    ['credentials that are not encoded', { url: 'http://user:%zz@localhost/' }],
  ])('is refused before anything is: %s', async (_, changes) => {
    let asked = 0
    const url = await aServer((__, response) => {
      asked += 1
      response.end()
    })
    await expect(aClient().send(aRequest(url, changes))).rejects.toMatchObject(rejected)
    expect(asked).toBe(0)
  })

  test('is no text in other scripts: it goes as UTF-8', async () => {
    const { promise: seen, resolve } = Promise.withResolvers<string | undefined>()
    const url = await aServer((request, response) => {
      resolve(request.headers['x-name'] as string)
      response.end()
    })
    await aClient().send(aRequest(url, { headers: { 'x-name': 'žluť' } }))
    expect(Buffer.from((await seen) ?? '', 'latin1').toString()).toBe('žluť')
  })
})

async function drip(socket: Socket): Promise<void> {
  for (const byte of 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n') {
    if (socket.destroyed) return
    socket.write(byte)
    await clock.sleep(50)
  }
}
