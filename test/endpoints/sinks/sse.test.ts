import { get, type IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { sseSink } from '../../../src/endpoints/sinks/sse.ts'
import { websocketSink } from '../../../src/endpoints/sinks/websocket.ts'
import { turn } from '../clients/listening-source.ts'
import { aBatch, errorOf } from '../endpoint-fixture.ts'
import { ListeningEndpoints } from '../listening-endpoints.ts'
import { SocketPeer } from '../websocket/socket-peer.ts'

const signal = new AbortController().signal

/** A page with its event source: `fetch` of Node and the format of the standard. */
class Page {
  readonly response: IncomingMessage
  text = ''
  isClosed = false
  #changed: (() => void) | null = null

  constructor(response: IncomingMessage) {
    this.response = response
    response.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('utf8')
      this.#changed?.()
    })
    response.on('error', () => {})
    response.on('close', () => {
      this.isClosed = true
      this.#changed?.()
    })
  }

  static open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Page> {
    return new Promise((resolve, reject) => {
      get(url, { headers }, (response) => resolve(new Page(response))).on('error', reject)
    })
  }

  get events(): { readonly id: string; readonly data: string }[] {
    const blocks = this.text.split('\n\n').slice(0, -1)
    return blocks.flatMap((block) => {
      const lines = block.split('\n').filter((line) => !line.startsWith(':'))
      const of = (name: string) =>
        lines.flatMap((line) => (line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : []))
      return of('data').length === 0 ? [] : [{ id: of('id')[0]!, data: of('data').join('\n') }]
    })
  }

  get data(): string[] {
    return this.events.map(({ data }) => data)
  }

  async until(isSo: (page: this) => boolean): Promise<this> {
    while (!isSo(this)) {
      if (this.isClosed) throw new Error(`closed after ${this.text}`)
      await new Promise<void>((resolve) => (this.#changed = resolve))
    }
    return this
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await new Promise<void>((resolve) => (this.#changed = resolve))
  }
}

async function aSink(setting: object = {}) {
  const endpoints = new ListeningEndpoints()
  const sink = await endpoints.sink(sseSink, { port: 0, path: '/live', ...setting })
  const url = `http://127.0.0.1:${endpoints.port}/live`
  const write = (...values: (string | null)[]) => sink.write(aBatch(values), signal)
  return { endpoints, sink, url, write, drops: endpoints.drops }
}

describe('the sse sink', () => {
  it('pushes events to pages, which no value can break out of', async () => {
    const { url, write } = await aSink()
    const page = await Page.open(url)
    expect(page.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
    })
    await page.until(({ text }) => text.includes('retry: '))
    await write('{"a":1}', 'a\nevent: evil\r\n\r\nid: 9\rdata: x', null)
    await page.until(({ events }) => events.length === 2)
    expect(page.data).toEqual(['{"a":1}', 'a\nevent: evil\n\nid: 9\ndata: x'])
    expect(page.text).not.toMatch(/^event:/m)
  })

  it('goes on where a page was when it connects again, as far as is kept', async () => {
    const { url, write } = await aSink({ history: 3 })
    const page = await Page.open(url)
    await write('1', '2', '3')
    await page.until(({ events }) => events.length === 3)
    const last = page.events[1]!.id
    page.response.destroy()
    await write('4')
    const again = await Page.open(url, { 'last-event-id': last })
    await again.until(({ events }) => events.length === 2)
    expect(again.data).toEqual(['3', '4'])
    const late = await Page.open(url, { 'last-event-id': page.events[0]!.id })
    await late.until(({ events }) => events.length === 3)
    expect(late.data).toEqual(['2', '3', '4'])
    for (const id of ['x-1', '', '99999999999999999999', `${last}\u00ff`]) {
      const stranger = await Page.open(url, { 'last-event-id': id })
      await stranger.until(({ events }) => events.length === 3)
    }
  })

  it('pushes to the pages of a room', async () => {
    const { url, write } = await aSink({ room: 'value.room' })
    const [a, b] = [await Page.open(`${url}?room=a`), await Page.open(`${url}?room=b`)]
    await write('{"room":"a"}', '{"room":"b"}')
    await a.until(({ events }) => events.length === 1)
    await b.until(({ events }) => events.length === 1)
    expect([a.data, b.data]).toEqual([['{"room":"a"}'], ['{"room":"b"}']])
  })

  it('keeps connections open, and lets go of a page that has stopped reading', async () => {
    const { endpoints, url, write, drops } = await aSink({ heartbeat: '5s', buffer: '64KiB' })
    const page = await Page.open(url)
    const stuck = await Page.open(url)
    stuck.response.pause()
    const text = JSON.stringify('x'.repeat(10_000))
    for (let index = 0; index < 2_000; index++) {
      await write(text)
      if (index % 5 === 0) await turn()
    }
    expect(drops.skipped_push).toBeGreaterThan(0)
    for (let beat = 0; beat < 4; beat++) {
      await endpoints.clock.advance(5_000)
      for (let index = 0; index < 20; index++) await turn()
    }
    expect(drops.idle_client).toBe(1)
    await write('"last"')
    await page.until(({ data }) => data.at(-1) === '"last"')
    expect(page.text).toContain(': \n\n')
  })

  it('closes a slow page where it is told to', async () => {
    const { url, write, drops } = await aSink({ slow: 'close', buffer: '64KiB' })
    const stuck = await Page.open(url)
    stuck.response.pause()
    for (let index = 0; drops.slow_client === undefined && index < 5_000; index++) {
      await write(JSON.stringify('x'.repeat(10_000)))
      if (index % 5 === 0) await turn()
    }
    expect(drops).toEqual({ slow_client: 1 })
    stuck.response.resume()
    await stuck.closed()
  })

  it.each([
    ['pages of another site', {}, { headers: { origin: 'https://evil.example' } }, 403],
    ['pages without the token', { token: 's3cret' }, {}, 401],
    ['other methods', {}, { method: 'POST' }, 405],
  ])('refuses %s', async (_, setting, request, status) => {
    const { url, drops } = await aSink(setting)
    const response = await fetch(url, request)
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.text()).not.toContain('s3cret')
    expect(drops).toEqual({ refused_client: 1 })
  })

  it('lets pages of a site that is listed read what it sends', async () => {
    const { url } = await aSink({ origins: ['https://a.example'], token: 's3cret' })
    const page = await Page.open(`${url}?token=s3cret`, { origin: 'https://a.example' })
    expect(page.response.statusCode).toBe(200)
    expect(page.response.headers['access-control-allow-origin']).toBe('https://a.example')
  })

  it('refuses more pages than may be there', async () => {
    const { url, drops } = await aSink({ max_clients: 1 })
    await Page.open(url)
    const second = await fetch(url)
    expect([second.status, second.headers.get('retry-after')]).toEqual([503, '1'])
    expect(drops).toEqual({ too_many_clients: 1 })
  })

  it('ends its streams at a stop', async () => {
    const { endpoints, url } = await aSink()
    const page = await Page.open(url)
    await endpoints.stop()
    await page.closed()
    expect(page.response.complete).toBe(true)
  })

  it('shares a path with a websocket sink, and not with an sse sink of other settings', async () => {
    const { endpoints, url, write } = await aSink()
    const sockets = await endpoints.sink(websocketSink, { port: 0, path: '/live' })
    const page = await Page.open(url)
    const peer = await SocketPeer.open(url.replace('http:', 'ws:'))
    await write('1')
    await sockets.write(aBatch(['2']), signal)
    await page.until(({ events }) => events.length === 1)
    await peer.until(({ received }) => received.length === 1)
    const error = await errorOf(endpoints.sink(sseSink, { port: 0, path: '/live', history: 1 }))
    expect(error.code).toBe('CONFIG_ADDRESS')
  })
})
