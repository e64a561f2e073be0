import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import type { HookEvent, Listener, ListenerEnvironment } from '../../src/core/hook.ts'
import { openHttpClient } from '../../src/endpoints/http/http-client.ts'
import { webhookListener } from '../../src/hooks/webhook.ts'
import { bindConfig } from '../../src/topology/bind-config.ts'
import { listenerEnvironment } from './listener-fixture.ts'

const clock = createSystemClock()
const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const event: HookEvent = {
  id: 'p.clean:record_failed:raw/0/7@1',
  event: 'record_failed',
  pipeline: 'p',
  stage: 'clean',
  timeMs: 0,
  data: { code: 'RECORD_CAST', message: 'a "bad" one\r\nx-evil: 1' },
  value: { id: 'é/../x?y' },
}

interface Got {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

async function addressOf(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function receiver(respond: (answer: ServerResponse, count: number) => void = (a) => a.end()) {
  const got: Got[] = []
  const server = createServer((request, answer) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      got.push({ method, url, headers, body: Buffer.concat(chunks).toString('utf8') })
      respond(answer, got.length)
    })
  })
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { got, url: await addressOf(server) }
}

/** Answers with whatever bytes it likes. */
async function liar(talk: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => talk(socket))
  })
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return addressOf(server)
}

function webhook(settings: object, more: Partial<ListenerEnvironment> = {}): Listener {
  const http = openHttpClient({ clock })
  closing.push(() => http.close())
  const config = webhookListener.config.parse({ allow_private: true, ...settings })
  bindConfig(config, [], {
    folder: '/',
    readText: () => '',
    scope: ['event', 'value'],
    report: (_path, thrown) => {
      throw thrown
    },
  })
  const environment = listenerEnvironment({ clock, http, isReliable: true, ...more })
  return webhookListener.create(config, environment) as Listener
}

async function notify(listener: Listener): Promise<void> {
  await listener.notify(event, new AbortController().signal)
}

describe('a webhook', () => {
  it('sends a CloudEvent with an id that a receiver can drop repeated ones by', async () => {
    const { got, url } = await receiver()
    const listener = webhook({ url: `${url}/hooks` })
    await notify(listener)
    await notify(listener)
    const [first, second] = got
    expect(first).toMatchObject({ method: 'POST', url: '/hooks' })
    expect(first!.headers['content-type']).toBe('application/cloudevents+json')
    expect(JSON.parse(first!.body)).toMatchObject({
      specversion: '1.0',
      id: event.id,
      type: 'millrace.record_failed',
      data: { event: { code: 'RECORD_CAST' }, value: event.value },
    })
    expect(first!.headers['webhook-id']).toMatch(/^msg_[0-9a-f]{32}$/)
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id'])
    expect(first!.headers['webhook-signature']).toBeUndefined()
  })

  it('signs the exact bytes with their id and time, once for each secret', async () => {
    const { got, url } = await receiver()
    const key = Buffer.from('0123456789abcdef0123456789abcdef')
    const secrets = [`whsec_${key.toString('base64')}`, 'plain']
    await notify(webhook({ url, secret: secrets, body: 'é ${to_json(value.id)}' }))
    const { headers, body } = got[0]!
    expect(body).toBe('é "é/../x?y"')
    const signed = `${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.${body}`
    const expected = [key, Buffer.from('plain')].map(
      (each) => `v1,${createHmac('sha256', each).update(signed).digest('base64')}`,
    )
    expect(headers['webhook-signature']).toBe(expected.join(' '))
    const ageMs = Math.abs(clock.wallMs() - 1_000 * Number(headers['webhook-timestamp']))
    expect(ageMs).toBeLessThan(10_000)
  })

  it('takes address and headers from the event, behind a host that stands in the file', async () => {
    const { got, url } = await receiver()
    const headers = { 'X-Code': '${event.code}' }
    await notify(webhook({ url: `${url}/s/\${event.stage}?e=\${event.event}`, headers }))
    expect(got[0]).toMatchObject({ url: '/s/clean?e=record_failed' })
    expect(got[0]!.headers['x-code']).toBe('RECORD_CAST')
    for (const address of [
      '${value.id}',
      'http://${value.host}/',
      'ftp://a/',
      'http://a.${event.x}',
    ])
      expect(webhookListener.config.safeParse({ url: address }).success, address).toBe(false)
  })

  it('sends nothing where a record would put a line of its own among the headers', async () => {
    const { got, url } = await receiver()
    const listener = webhook({ url, headers: { 'x-message': '${event.message}' } })
    await expect(notify(listener)).rejects.toMatchObject({ code: 'PEER_REJECTED' })
    expect(got).toEqual([])
  })

  it.each([
    [400, 'PEER_REJECTED'],
    [404, 'PEER_REJECTED'],
    [302, 'PEER_REJECTED'],
    [408, 'PEER_UNAVAILABLE'],
    [429, 'PEER_UNAVAILABLE'],
    [500, 'PEER_UNAVAILABLE'],
    [503, 'PEER_UNAVAILABLE'],
  ])('takes the answer %i for %s', async (status, code) => {
    const { url } = await receiver((answer) => {
      answer.writeHead(status, { location: '/elsewhere' })
      answer.end()
    })
    await expect(notify(webhook({ url }))).rejects.toMatchObject({ code })
  })

  it('asks a receiver that is away again where nobody else would', async () => {
    const answers = await receiver((answer, count) => {
      answer.writeHead(count < 3 ? 503 : 200)
      answer.end()
    })
    await notify(webhook({ url: answers.url }, { isReliable: false }))
    expect(answers.got).toHaveLength(3)
    const ids = new Set(answers.got.map(({ headers }) => headers['webhook-id']))
    expect(ids.size).toBe(1)
  })

  it('asks a receiver that refuses once, and one that stays away as often as it may', async () => {
    const refuses = await receiver((answer) => {
      answer.writeHead(400)
      answer.end()
    })
    await expect(notify(webhook({ url: refuses.url }, { isReliable: false }))).rejects.toThrow()
    expect(refuses.got).toHaveLength(1)
    const away = await receiver((answer) => {
      answer.writeHead(503)
      answer.end()
    })
    const listener = webhook({ url: away.url, attempts: 2 }, { isReliable: false })
    await expect(notify(listener)).rejects.toThrow('answered 503')
    expect(away.got).toHaveLength(2)
  })
})

describe('a webhook with a hostile receiver', () => {
  const ok = 'HTTP/1.1 200 OK\r\n'

  it.each<[string, (socket: Socket) => void]>([
    ['never answers', () => {}],
    ['answers one byte at a time', (socket) => trickle(socket)],
    ['speaks no HTTP', (socket) => socket.end('220 smtp ready\r\n')],
    ['breaks off in the middle', (socket) => socket.end(`${ok}content-length: 10\r\n\r\nabc`)],
    ['sends headers without end', (socket) => flood(socket, `${ok}x: `)],
  ])('that %s gives up in time, and calls the receiver away', async (_what, talk) => {
    const url = await liar(talk)
    const startUs = clock.monotonicUs()
    await expect(notify(webhook({ url, timeout: '300ms' }))).rejects.toMatchObject({
      code: 'PEER_UNAVAILABLE',
    })
    expect(clock.monotonicUs() - startUs).toBeLessThan(5_000_000)
  })

  it('whose answer has no end, or bursts when it is unpacked, reads a part of it and is done', async () => {
    const endless = await liar((socket) =>
      flood(socket, `${ok}content-length: 99999999999\r\n\r\n`),
    )
    await notify(webhook({ url: endless }))
    const bomb = gzipSync(Buffer.alloc(50_000_000))
    const { url } = await receiver((answer) => {
      answer.writeHead(200, { 'content-encoding': 'gzip' })
      answer.end(bomb)
    })
    const before = process.memoryUsage().rss
    await notify(webhook({ url }))
    expect(process.memoryUsage().rss - before).toBeLessThan(40_000_000)
  })

  it('that leads into a private network is not followed there', async () => {
    const inside = await receiver()
    await expect(notify(webhook({ url: inside.url, allow_private: false }))).rejects.toMatchObject({
      code: 'PEER_REJECTED',
      message: expect.stringContaining('`allow_private`') as string,
    })
    for (const url of ['http://[::1]:1/', 'http://169.254.169.254/latest', 'http://10.0.0.1/'])
      await expect(notify(webhook({ url, allow_private: false }))).rejects.toMatchObject({
        code: 'PEER_REJECTED',
      })
    const { url } = await receiver((answer) => {
      answer.writeHead(307, { location: inside.url })
      answer.end()
    })
    await expect(notify(webhook({ url }))).rejects.toThrow('a redirect that is not followed')
    expect(inside.got).toEqual([])
  })

  it('says nothing of the address beyond the host, in which tokens stand', async () => {
    const { url } = await receiver((answer) => {
      answer.writeHead(404)
      answer.end('token-123')
    })
    await expect(notify(webhook({ url: `${url}/T0KEN/x?key=T0KEN` }))).rejects.toThrow(
      /^127\.0\.0\.1:\d+ answered 404$/,
    )
  })
})

function trickle(socket: Socket): void {
  const bytes = 'HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n'
  let at = 0
  const next = async () => {
    if (socket.destroyed) return
    socket.write(bytes[at++] ?? 'x')
    await clock.sleep(20)
    await next()
  }
  void next()
}

function flood(socket: Socket, head: string): void {
  socket.write(head)
  const chunk = Buffer.alloc(65_536, 'a')
  const more = () => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', more)
  more()
}
