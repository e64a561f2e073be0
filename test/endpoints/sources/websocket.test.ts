import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { traceContextOf } from '../../../src/core/trace-context.ts'
import { websocketSource } from '../../../src/endpoints/sources/websocket.ts'
import { websocketSink } from '../../../src/endpoints/sinks/websocket.ts'
import { ListeningSource, turn } from '../clients/listening-source.ts'
import { aBatch, errorOf } from '../endpoint-fixture.ts'
import { ListeningEndpoints } from '../listening-endpoints.ts'
import { TcpPeer } from '../tcp/tcp-peer.ts'
import { SocketPeer } from '../websocket/socket-peer.ts'

const signal = new AbortController().signal

async function aSource(setting: object = {}) {
  const endpoints = new ListeningEndpoints()
  const { environment, clock } = endpoints
  const source = new ListeningSource(
    websocketSource,
    { port: 0, path: '/in', ...setting },
    { environment, clock },
  )
  const port = await source.start()
  const url = `ws://127.0.0.1:${port}/in`
  return { source, endpoints, port, url, drops: endpoints.drops }
}

describe('the websocket source', () => {
  it('takes each message as a record and replies once it is stored', async () => {
    const { source, url } = await aSource({ reply: 'got ${value.id}' })
    source.hold()
    const peer = await SocketPeer.open(`${url}?room=a&user=u1&__proto__=x`)
    peer.send('{"id":1}').send(Buffer.from('{"id":2}'))
    await source.untilTaken(2)
    for (let index = 0; index < 10; index++) await turn()
    expect(peer.received).toEqual([])
    source.release()
    await peer.until(({ received }) => received.length === 2)
    expect(peer.received).toEqual(['got 1', 'got 2'])
    expect(source.taken.values).toEqual(['{"id":1}', '{"id":2}'])
    expect(JSON.parse(JSON.stringify(source.infos[1]))).toEqual({
      remote_ip: '127.0.0.1',
      connection: 1,
      line: 2,
      query: { room: 'a', user: 'u1' },
    })
  })

  it('gives all messages the trace of the request that opened the connection', async () => {
    const { source, url } = await aSource()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const peer = await SocketPeer.open(url, { headers: { traceparent, tracestate: 'a=b' } })
    peer.send('1').send('2')
    await source.untilTaken(2)
    const contexts = source.slices.flatMap(({ batch }) =>
      Array.from({ length: batch.count }, (_, index) => traceContextOf(batch.headerBytes(index))),
    )
    const context = { traceId: '0af7651916cd43dd8448eb211c80319c', state: 'a=b' }
    expect(contexts).toMatchObject([context, context])
  })

  it.each([
    ['pages of another site', { origin: 'https://evil.example' }, {}, 403],
    [
      'pages of a site that is not listed',
      { origin: 'https://b.example' },
      { origins: ['https://a.example'] },
      403,
    ],
    ['clients without the token', {}, { token: 's3cret' }, 401],
    [
      'clients with another token',
      { headers: { authorization: 'Bearer no' } },
      { token: 's3cret' },
      401,
    ],
    ['clients of another subprotocol', { protocols: ['v9'] }, { subprotocols: ['v1'] }, 400],
  ])('refuses %s, and tells no secret', async (_, options, setting, status) => {
    const { url, drops } = await aSource(setting)
    const refused = await SocketPeer.refusal(url, options)
    expect(refused.status).toBe(status)
    expect(refused.body).not.toContain('s3cret')
    expect(drops).toEqual({ refused_client: 1 })
  })

  it.each([
    [
      'pages of its own site',
      (url: string) => ({ origin: url.replace('ws:', 'http:').replace('/in', '') }),
      {},
    ],
    [
      'pages of a site that is listed',
      () => ({ origin: 'https://a.example' }),
      { origins: ['https://a.example'] },
    ],
    ['pages of any site', () => ({ origin: 'https://a.example' }), { origins: ['*'] }],
    [
      'clients with the token',
      () => ({ headers: { authorization: 'bearer s3cret' } }),
      { token: 's3cret' },
    ],
    [
      'clients that speak a subprotocol of its own',
      () => ({ protocols: ['v9', 'v1'] }),
      { subprotocols: ['v1'] },
    ],
  ])('takes %s', async (_, optionsOf, setting) => {
    const { source, url } = await aSource(setting)
    const options: ReturnType<typeof optionsOf> & { protocols?: string[] } = optionsOf(url)
    const peer = await SocketPeer.open(url, options)
    expect(peer.socket.protocol).toBe(options.protocols === undefined ? '' : 'v1')
    peer.send('1')
    await source.untilTaken(1)
  })

  it('takes the token from the query, and leaves it out of what records know of it', async () => {
    const { source, url } = await aSource({ token: 's3cret' })
    const peer = await SocketPeer.open(`${url}?token=s3cret&a=1`)
    peer.send('1')
    await source.untilTaken(1)
    expect(JSON.stringify(source.infos)).toContain('"query":{"a":"1"}')
  })

  it('refuses more clients than may be there', async () => {
    const { url, drops } = await aSource({ max_clients: 1 })
    const first = await SocketPeer.open(url)
    expect((await SocketPeer.refusal(url)).status).toBe(503)
    expect(drops).toEqual({ too_many_clients: 1 })
    first.socket.close()
    await first.untilClosed()
    for (let index = 0; index < 10; index++) await turn()
    await SocketPeer.open(url)
  })

  it('closes the connection of a message that is too long, in parts or as a bomb too', async () => {
    const { source, url, drops } = await aSource({ max_message: '1KiB', compression: true })
    const peer = await SocketPeer.open(url)
    peer.send('x'.repeat(1_025))
    expect((await peer.untilClosed()).code).toBe(1009)
    const parts = await SocketPeer.open(url)
    for (let index = 0; index < 3; index++) parts.socket.send('x'.repeat(500), { fin: false })
    expect((await parts.untilClosed()).code).toBe(1009)
    const bomb = await SocketPeer.open(url, { perMessageDeflate: { threshold: 0 } })
    bomb.send('x'.repeat(10_000_000))
    expect((await bomb.untilClosed()).code).toBe(1009)
    expect([source.taken.values, drops]).toEqual([[], { too_large: 3 }])
  })

  it('closes a client that breaks the protocol, and goes on with others', async () => {
    const { source, port, url, drops } = await aSource()
    const raw = await TcpPeer.open(port)
    const key = createHash('md5').update('k').digest('base64')
    raw.send(
      `GET /in HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    )
    await raw.until(({ text }) => text.includes('101'))
    // Without a mask, and with reserved bits.
    raw.send(Buffer.from([0xf1, 0x02, 0x68, 0x69]))
    await raw.closed()
    expect(drops).toEqual({ bad_frame: 1 })
    const peer = await SocketPeer.open(url)
    peer.send('1')
    await source.untilTaken(1)
  })

  it('refuses what is no upgrade', async () => {
    const { port, url } = await aSource()
    expect((await fetch(url.replace('ws:', 'http:'))).status).toBe(426)
    const raw = await TcpPeer.open(port)
    raw.send(
      'GET /in HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    )
    expect(await raw.closed()).toContain('400 Bad Request')
  })

  it('holds back a flood of messages while nothing is taken, and loses none', async () => {
    const { source, url } = await aSource({ reply: 'ok' })
    source.hold()
    const peer = await SocketPeer.open(url)
    const total = 20_000
    const text = 'x'.repeat(1_000)
    for (let n = 0; n < total; n++) peer.send(`{"n":${n},"text":"${text}"}`)
    await source.untilTaken(1)
    for (let index = 0; index < 100; index++) await turn()
    // Of 20 MB the most is still with the client.
    expect(peer.socket.bufferedAmount).toBeGreaterThan(5_000_000)
    source.release()
    await peer.until(({ received }) => received.length === total)
    expect(source.taken.values.map((value) => JSON.parse(value).n)).toEqual(
      Array.from({ length: total }, (_, n) => n),
    )
  })

  it('closes a client that gives no sign of life, and not one that answers pings', async () => {
    const { source, url, drops } = await aSource({ ping: '10s' })
    const dead = await SocketPeer.open(url, { autoPong: false })
    const living = await SocketPeer.open(url)
    await turn()
    for (let second = 0; second < 30; second++) {
      await source.clock.advance(1_000)
      for (let index = 0; index < 5; index++) await turn()
    }
    expect((await dead.untilClosed()).code).toBe(1006)
    expect([living.closed, drops]).toEqual([null, { idle_client: 1 }])
  })

  it('answers at a stop what was stored, then says goodbye', async () => {
    const { source, url } = await aSource({ reply: 'ok' })
    source.hold()
    const peer = await SocketPeer.open(url)
    peer.send('1')
    await source.untilTaken(1)
    await source.stop()
    expect(await peer.untilClosed()).toEqual({ code: 1001, reason: 'the pipeline is stopping' })
    expect(peer.received).toEqual(['ok'])
  })

  it('shares its path and clients with a sink, so that a chat works on one socket', async () => {
    const { source, endpoints, url } = await aSource()
    const setting = { port: 0, path: '/in', room: 'value.room' }
    const sink = await endpoints.sink(websocketSink, setting)
    const [ann, bob, eve] = [
      await SocketPeer.open(`${url}?room=tea`),
      await SocketPeer.open(`${url}?room=tea`),
      await SocketPeer.open(`${url}?room=coffee`),
    ]
    ann.send('{"room":"tea","text":"hello"}')
    await source.untilTaken(1)
    await sink.write(aBatch(source.taken.values), signal)
    for (const peer of [ann, bob]) await peer.until(({ received }) => received.length === 1)
    expect(bob.received).toEqual(['{"room":"tea","text":"hello"}'])
    for (let index = 0; index < 20; index++) await turn()
    expect(eve.received).toEqual([])
  })

  it('is not to blame for what a sink of its path could not push', async () => {
    const endpoints = new ListeningEndpoints()
    const { environment, clock } = endpoints
    const own: string[] = []
    const source = new ListeningSource(
      websocketSource,
      { port: 0, path: '/in' },
      { clock, environment: { ...environment, dropped: (drop) => own.push(drop) } },
    )
    const port = await source.start()
    const sink = await endpoints.sink(websocketSink, { port: 0, path: '/in', buffer: '64KiB' })
    const stuck = await SocketPeer.open(`ws://127.0.0.1:${port}/in`)
    stuck.socket.pause()
    const batch = aBatch([JSON.stringify('x'.repeat(10_000))])
    for (let index = 0; index < 2_000; index++) {
      await sink.write(batch, signal)
      if (index % 5 === 0) await turn()
    }
    stuck.socket.resume()
    expect(own).toEqual([])
    expect(endpoints.drops.skipped_push).toBeGreaterThan(0)
  })

  it('refuses a sink of its path that wants other clients', async () => {
    const { endpoints } = await aSource({ max_clients: 5 })
    const error = await errorOf(endpoints.sink(websocketSink, { port: 0, path: '/in' }))
    expect(error.code).toBe('CONFIG_ADDRESS')
    expect(error.message).toContain('disagree about their clients')
  })

  it.each([
    [{ path: '/in' }, 'port'],
    [{ port: 1 }, 'path'],
    [{ port: 1, path: 'in' }, 'path'],
    [{ port: 1, path: '/in?x' }, 'path'],
    [{ port: 1, path: '/in', token: '' }, 'token'],
    [{ port: 1, path: '/in', subprotocols: ['a b'] }, 'subprotocols'],
    [{ port: 1, path: '/in', ping: 5 }, 'ping'],
  ])('refuses %j', (setting, place) => {
    expect(websocketSource.config.safeParse(setting).error?.issues[0]?.path[0]).toBe(place)
  })
})
