import { describe, expect, it } from 'vitest'
import { websocketSink } from '../../../src/endpoints/sinks/websocket.ts'
import { turn } from '../clients/listening-source.ts'
import { aBatch } from '../endpoint-fixture.ts'
import { ListeningEndpoints } from '../listening-endpoints.ts'
import { SocketPeer } from '../websocket/socket-peer.ts'

const signal = new AbortController().signal

async function aSink(setting: object = {}) {
  const endpoints = new ListeningEndpoints()
  const sink = await endpoints.sink(websocketSink, { port: 0, path: '/out', ...setting })
  const url = `ws://127.0.0.1:${endpoints.port}/out`
  const write = (...values: (string | Uint8Array | null)[]) => sink.write(aBatch(values), signal)
  return { endpoints, sink, url, write, drops: endpoints.drops }
}

describe('the websocket sink', () => {
  it('pushes to everybody, as text and as it came', async () => {
    const { url, write } = await aSink()
    const peers = [await SocketPeer.open(url), await SocketPeer.open(`${url}?room=a`)]
    expect(await write('{"a": 1}', null, '"ü"')).toEqual({ memory: null, failures: [] })
    for (const peer of peers) {
      await peer.until(({ received }) => received.length === 2)
      expect(peer.received).toEqual(['{"a": 1}', '"ü"'])
    }
  })

  it('pushes to the clients of a room, once to those of several', async () => {
    const { url, write } = await aSink({ room: '[value.from, value.to]' })
    const both = await SocketPeer.open(`${url}?room=a&room=b`)
    const one = await SocketPeer.open(`${url}?room=a`)
    const none = await SocketPeer.open(url)
    await write('{"from":"a","to":"b"}', '{"from":null}', '{"from":7}', '{"to":"b"}', '{"to":"a"}')
    await one.until(({ received }) => received.length === 2)
    await both.until(({ received }) => received.length === 3)
    expect(one.received).toEqual(['{"from":"a","to":"b"}', '{"to":"a"}'])
    expect(both.received).toEqual(['{"from":"a","to":"b"}', '{"to":"b"}', '{"to":"a"}'])
    expect(none.received).toEqual([])
  })

  it('gives those who come the last records of their rooms, in order', async () => {
    const { url, write } = await aSink({ room: 'value.room', history: 2 })
    await write(...[1, 2, 3].map((n) => `{"room":"a","n":${n}}`), '{"room":"b","n":4}')
    await write('{"room":"a","n":5}')
    const peer = await SocketPeer.open(`${url}?room=a&room=b`)
    await peer.until(({ received }) => received.length === 3)
    expect(peer.received.map((text) => JSON.parse(text).n)).toEqual([3, 4, 5])
    const other = await SocketPeer.open(`${url}?room=c`)
    await write('{"room":"c","n":6}')
    await other.until(({ received }) => received.length === 1)
  })

  it('fails the record whose room cannot be told, or that is no text, and pushes the others', async () => {
    const { url, write } = await aSink({ room: 'value.n + 1' })
    const peer = await SocketPeer.open(`${url}?room=2`)
    const { failures } = await write('{"n":null}', Buffer.from([0xff, 0xfe]), '{"n":1}')
    expect(failures).toEqual([
      { index: 0, code: 'RECORD_EXPRESSION', message: expect.any(String) },
      { index: 1, code: 'RECORD_REJECTED', message: expect.stringContaining('UTF-8') },
    ])
    await peer.until(({ received }) => received.length === 1)
  })

  it.each(['skip', 'close'] as const)(
    'never waits for a client that does not read: %s, and counted',
    async (slow) => {
      const { url, write, drops } = await aSink({ slow, buffer: '64KiB' })
      const stuck = await SocketPeer.open(url)
      const quick = await SocketPeer.open(url)
      stuck.socket.pause()
      const text = JSON.stringify('x'.repeat(10_000))
      for (let index = 0; index < 2_000; index++) {
        await write(text)
        if (index % 5 === 0) await turn()
      }
      expect(slow === 'skip' ? drops.skipped_push : drops.slow_client).toBeGreaterThan(0)
      await write('"last"')
      await quick.until(({ received }) => received.at(-1) === '"last"')
      stuck.socket.resume()
      if (slow === 'close') expect((await stuck.untilClosed()).code).toBe(1006)
    },
  )

  it('closes a client that sends, as nobody takes it', async () => {
    const { url, drops } = await aSink()
    const peer = await SocketPeer.open(url)
    peer.send('1')
    expect((await peer.untilClosed()).code).toBe(1008)
    expect(drops).toEqual({ refused_client: 1 })
  })

  it('shares the clients of its path with other tasks and stages', async () => {
    const { endpoints, url, write } = await aSink()
    const other = await endpoints.sink(websocketSink, { port: 0, path: '/out' })
    const peer = await SocketPeer.open(url)
    await write('1')
    await other.write(aBatch(['2']), signal)
    await peer.until(({ received }) => received.length === 2)
    await other.close()
    await write('3')
    await peer.until(({ received }) => received.length >= 3)
    expect(peer.received).toEqual(['1', '2', '3'])
  })

  it('can be opened again when it was closed, as after a crash of its task', async () => {
    const { endpoints, url } = await aSink()
    const peer = await SocketPeer.open(url)
    await endpoints.stop()
    expect((await peer.untilClosed()).code).toBe(1001)
    const again = await endpoints.sink(websocketSink, { port: 0, path: '/out' })
    const next = await SocketPeer.open(`ws://127.0.0.1:${endpoints.port}/out`)
    await again.write(aBatch(['1']), signal)
    await next.until(({ received }) => received.length === 1)
  })

  it('promises its best only', () => {
    const config = websocketSink.config.parse({ port: 1, path: '/out' })
    expect(websocketSink.guarantee!(config).guarantee).toBe('best_effort')
  })
})
