import { once } from 'node:events'
import { request as send, type IncomingMessage, type RequestOptions } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import type { Listening, ListenPlace, RouteHandlers } from '../../../src/core/listening.ts'
import { openListening } from '../../../src/endpoints/listening/open-listening.ts'
import type { ServerLimits } from '../../../src/endpoints/listening/shared-server.ts'

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

const clock = createSystemClock()

function aListening(limits: Partial<ServerLimits> = {}): Listening {
  const listening = openListening({ clock, limits })
  closing.push(() => listening.close())
  return listening
}

function place(path: string, changes: Partial<ListenPlace> = {}): ListenPlace {
  return { host: '127.0.0.1', port: 0, path, owner: 'the http source', ...changes }
}

function answering(text: string): RouteHandlers {
  return { request: (_, response) => void response.end(text) }
}

async function get(port: number, options: RequestOptions & { body?: string } = {}) {
  const { body, ...rest } = options
  const request = send({ host: '127.0.0.1', port, path: '/', agent: false, ...rest })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const part of response) text += String(part)
  return { status: response.statusCode, headers: response.headers, text }
}

function rawSocket(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  closing.push(() => void socket.destroy())
  return socket
}

async function textOf(socket: Socket): Promise<string> {
  let text = ''
  for await (const part of socket) text += String(part)
  return text
}

describe('a shared server', () => {
  test('gives each path of one port to its own owner, and others 404', async () => {
    const listening = aListening()
    const first = await listening.open(place('/a'), answering('first'))
    const second = await listening.open(place('/b'), answering('second'))
    expect(second.port).toBe(first.port)
    expect((await get(first.port, { path: '/a?x=1' })).text).toBe('first')
    expect((await get(first.port, { path: '/b' })).text).toBe('second')
    const other = await get(first.port, { path: '/c' })
    expect(other.status).toBe(404)
    expect(other.headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(other.text)).toMatchObject({ status: 404, code: 'path' })
  })

  test('refuses a path that is taken, also before the first is open', async () => {
    const listening = aListening()
    const first = listening.open(place('/a'), answering('first'))
    await expect(listening.open(place('/a'), answering('second'))).rejects.toMatchObject({
      code: 'CONFIG_ADDRESS',
      message: expect.stringContaining('/a'),
    })
    expect((await get((await first).port, { path: '/a' })).text).toBe('first')
  })

  test('lets one path take requests and upgrades by different owners', async () => {
    const listening = aListening()
    const { port } = await listening.open(place('/a'), answering('request'))
    await listening.open(place('/a'), {
      upgrade: (_, socket) => void socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nupgraded'),
    })
    expect((await get(port, { path: '/a' })).text).toBe('request')
    const socket = rawSocket(port)
    socket.write('GET /a HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')
    expect(await textOf(socket)).toContain('upgraded')
  })

  test('says what to do where another program has the port', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    closing.push(() => void taken.close())
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const listening = aListening()
    const opened = () => listening.open(place('/a', { port }), answering(''))
    await expect(opened()).rejects.toMatchObject({
      code: 'CONFIG_ADDRESS',
      message: expect.stringMatching(/another program listens there; end it, or set another port/),
    })
    taken.close()
    await once(taken, 'close')
    expect((await opened()).port).toBe(port)
  })

  test('says what to do where the host is none of this machine', async () => {
    const opened = aListening().open(place('/a', { host: '192.0.2.1' }), answering(''))
    await expect(opened).rejects.toMatchObject({
      code: 'CONFIG_ADDRESS',
      message: expect.stringContaining('no such address'),
    })
  })

  test('closes its port with its last path', async () => {
    const listening = aListening()
    const first = await listening.open(place('/a'), answering('first'))
    const second = await listening.open(place('/b'), answering('second'))
    await first.close()
    expect((await get(first.port, { path: '/a' })).status).toBe(404)
    expect((await get(first.port, { path: '/b' })).text).toBe('second')
    await second.close()
    await expect(get(first.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(listening.routes).toEqual([])
  })

  test('answers what is under way when it closes, and takes nothing new', async () => {
    const listening = aListening()
    const { promise: asked, resolve } = Promise.withResolvers<() => void>()
    const route = await listening.open(place('/a'), {
      request: (_, response) => resolve(() => void response.end('in time')),
    })
    const under = get(route.port, { path: '/a' })
    const finish = await asked
    const closed = route.close()
    await expect(get(route.port, { path: '/a' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    finish()
    const answer = await under
    expect(answer.text).toBe('in time')
    expect(answer.headers.connection).toBe('close')
    await closed
  })

  test('waits for those under way no longer than it may', async () => {
    const listening = aListening({ drainMs: 50 })
    const route = await listening.open(place('/a'), { request: () => {} })
    const under = get(route.port, { path: '/a' })
    under.catch(() => {})
    await clock.sleep(30)
    await route.close()
    await expect(under).rejects.toThrow()
  })
})

describe('a hostile client', () => {
  test('that sends its head byte by byte is sent away, while others are served', async () => {
    const listening = aListening({ headersMs: 300 })
    const { port } = await listening.open(place('/a'), answering('here'))
    const slow = rawSocket(port)
    const said = textOf(slow)
    slow.write('GET /a HT')
    const dripping = (async () => {
      for (let sent = 0; sent < 100 && !slow.destroyed; sent++) {
        slow.write('T')
        await clock.sleep(50)
      }
    })()
    expect((await get(port, { path: '/a' })).text).toBe('here')
    expect(await said).toMatch(/^HTTP\/1\.1 4\d\d /)
    slow.destroy()
    await dripping
  })

  test.each([
    ['talks no HTTP', 'hello\r\n\r\n', 400],
    [
      'sends chunks that are none',
      'POST /a HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      400,
    ],
    [
      'sends two lengths',
      'POST /a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na',
      400,
    ],
    [
      'sends a length and chunks',
      'POST /a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['sends no host', 'POST /a HTTP/1.1\r\n\r\n', 400],
    ['sends headers without end', `POST /a HTTP/1.1\r\nx: ${'a'.repeat(20_000)}`, 431],
  ])('that %s is told so and disconnected', async (_, bytes, status) => {
    const listening = aListening()
    const { port } = await listening.open(place('/a'), {
      request: (request, response) => {
        request.on('error', () => {})
        request.resume()
        request.on('end', () => void response.end())
      },
    })
    const socket = rawSocket(port)
    socket.write(bytes)
    expect(await textOf(socket)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  })

  test('that asks under a name which somebody made lead here is refused', async () => {
    const listening = aListening()
    const { port } = await listening.open(place('/a'), answering('here'))
    const asked = (host: string) => get(port, { path: '/a', headers: { host } })
    expect((await asked('evil.example')).status).toBe(421)
    expect((await asked('localhost.evil.example:80')).status).toBe(421)
    expect((await asked(`localhost:${port}`)).status).toBe(200)
    expect((await asked('[::1]:80')).status).toBe(200)
  })

  test('gets no more connections than there are', async () => {
    const listening = aListening({ connections: 2 })
    const { port } = await listening.open(place('/a'), answering('here'))
    const kept = [rawSocket(port), rawSocket(port)]
    await Promise.all(kept.map((socket) => once(socket, 'connect')))
    await clock.sleep(20)
    await expect(get(port, { path: '/a' })).rejects.toThrow()
    kept[0]!.destroy()
    await clock.sleep(20)
    expect((await get(port, { path: '/a' })).text).toBe('here')
  })
})
