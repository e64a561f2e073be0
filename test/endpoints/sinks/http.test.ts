import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { Sink, SinkOrigins, SinkReceipt } from '../../../src/core/endpoints.ts'
import type { HttpRequest } from '../../../src/core/http-client.ts'
import type { RecordBatch } from '../../../src/core/record-batch.ts'
import { openHttpClient } from '../../../src/endpoints/http/http-client.ts'
import { httpSink } from '../../../src/endpoints/sinks/http.ts'
import { bindConfig } from '../../../src/topology/bind-config.ts'
import { batchOf, type TestRecord } from '../../conformance/batches.ts'
import { aNetwork, closeLater, systemClock } from '../http-fixture.ts'

interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

type Respond = (received: Received, response: ServerResponse, count: number) => void

async function aPeer(respond: Respond = (_, response) => void response.end()) {
  const received: Received[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (part) => (body += String(part)))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const one = { method, url, headers, body }
      received.push(one)
      respond(one, response, received.length)
    })
  })
  closeLater(() => {
    server.closeAllConnections()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

function aSink(setting: Record<string, unknown>): Sink {
  const http = openHttpClient({ clock: systemClock })
  closeLater(() => http.close())
  const config = httpSink.config.parse(setting)
  bindConfig(config, [], {
    folder: '/',
    readText: () => '',
    report: (_, thrown) => {
      throw thrown
    },
  })
  return httpSink.create(config, aNetwork({ http }), null)
}

const origins: SinkOrigins = {
  input: () => 'orders/3',
  offset: (index) => BigInt(100 + index),
  ordinal: () => 0,
}
const { signal } = new AbortController()

function records(...values: readonly (string | TestRecord)[]): RecordBatch {
  const all = values.map((value) => (typeof value === 'string' ? { value } : value))
  return batchOf(all, 'p.show/3')
}

function write(sink: Sink, batch: RecordBatch): Promise<SinkReceipt> {
  return sink.write(batch, signal, origins)
}

describe('an http sink', () => {
  test('sends a request for each record, with a key that is always the same', async () => {
    const { received, url } = await aPeer()
    const sink = aSink({ url: `${url}/orders`, concurrency: 1 })
    const receipt = await write(sink, records('{"a":1}', '{"a":2}'))
    expect(receipt).toMatchObject({ failures: [], refused: [] })
    expect(received.map(({ method, url: path, body }) => `${method} ${path} ${body}`)).toEqual([
      'POST /orders {"a":1}',
      'POST /orders {"a":2}',
    ])
    expect(received[0]!.headers).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': 'p.show/orders/3/100@0',
    })
    await write(aSink({ url: `${url}/orders`, concurrency: 1 }), records('{"a":1}'))
    expect(received[2]!.headers['idempotency-key']).toBe(received[0]!.headers['idempotency-key'])
    expect(received[1]!.headers['idempotency-key']).not.toBe(
      received[0]!.headers['idempotency-key'],
    )
  })

  test('makes address and headers of the record, and nothing more than a part of each', async () => {
    const { received, url } = await aPeer()
    const sink = aSink({
      url: `${url}/users/\${value.id}?name=\${value.name}`,
      method: 'PUT',
      headers: { 'X-Country': '${value.country}', authorization: 'Bearer s' },
      concurrency: 1,
    })
    const values = [
      { id: 'a/../b?x#y', name: 'a&b=c', country: 'nl' },
      { id: '..', name: 'x', country: 'nl' },
      { id: null, name: 'x', country: 'nl' },
      { id: 'c', name: 'x', country: 'n\r\nevil: 1' },
      { id: '\ud800', name: 'žluť', country: 'žluť' },
    ]
    const receipt = await write(sink, records(...values.map((value) => JSON.stringify(value))))
    expect(received.map(({ method, url: path }) => `${method} ${path}`)).toEqual([
      'PUT /users/a%2F..%2Fb%3Fx%23y?name=a%26b%3Dc',
      'PUT /users/%EF%BF%BD?name=%C5%BElu%C5%A5',
    ])
    expect(received[0]!.headers).toMatchObject({ 'x-country': 'nl', authorization: 'Bearer s' })
    expect(received[0]!.headers).not.toHaveProperty('evil')
    expect(receipt.failures.map(({ index, code }) => [index, code])).toEqual([
      [1, 'RECORD_REJECTED'],
      [2, 'RECORD_REJECTED'],
      [3, 'RECORD_REJECTED'],
    ])
  })

  test('sends the trace of a record on', async () => {
    const { received, url } = await aPeer()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const headers = [['traceparent', Buffer.from(traceparent)] as const]
    await write(aSink({ url }), records({ value: '1', headers }))
    expect(received[0]!.headers['traceparent']).toBe(traceparent)
  })

  test.each([
    ['json_array', '[1,2,null]', 'application/json'],
    ['ndjson', '1\n2\nnull\n', 'application/x-ndjson'],
  ])('sends several at once as %s', async (format, body, type) => {
    const { received, url } = await aPeer()
    const sink = aSink({ url, format, batch: { records: 10 } })
    await write(sink, records('1', '2', { value: null }))
    expect(received).toHaveLength(1)
    expect(received[0]).toMatchObject({ body, headers: { 'content-type': type } })
    expect(received[0]!.headers['idempotency-key']).toMatch(/^3x[0-9a-f]{32}$/)
  })

  test('sends no more at once than it may, and only what goes to one address', async () => {
    const { received, url } = await aPeer()
    const setting = { batch: { records: 3, bytes: '20B' }, format: 'json_array', concurrency: 1 }
    await write(
      aSink({ url, ...setting }),
      records('1', '2', '3', '4', '"xxxxxxxxxxxxxxxxxxxx"', '5'),
    )
    expect(received.map(({ body }) => body)).toEqual([
      '[1,2,3]',
      '[4]',
      '["xxxxxxxxxxxxxxxxxxxx"]',
      '[5]',
    ])
    received.length = 0
    const routed = aSink({ url: `${url}/\${value}`, ...setting })
    await write(routed, records('1', '1', '2', '1'))
    expect(received.map(({ url: path, body }) => `${path} ${body}`)).toEqual([
      '/1 [1,1]',
      '/2 [2]',
      '/1 [1]',
    ])
  })

  test('keeps the order of each key, and no more requests open than it may', async () => {
    let open = 0
    let most = 0
    const { received, url } = await aPeer((_, response) => {
      open += 1
      most = Math.max(most, open)
      void systemClock.sleep(5).then(() => {
        open -= 1
        response.end()
      })
    })
    const sink = aSink({ url, concurrency: 4 })
    const all = Array.from({ length: 60 }, (_, n) => ({ key: `k${n % 7}`, value: `${n}` }))
    await write(sink, records(...all))
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(4)
    for (let key = 0; key < 7; key++) {
      const ofKey = received.map(({ body }) => Number(body)).filter((n) => n % 7 === key)
      expect(ofKey).toEqual(ofKey.toSorted((one, other) => one - other))
    }
    expect(received).toHaveLength(60)
  })
})

describe('the answer of the peer', () => {
  test.each([500, 502, 503, 408, 425, 429, 301, 307])('%i has it count as away', async (status) => {
    const { url } = await aPeer((_, response) =>
      response.writeHead(status, { location: '/x' }).end(),
    )
    await expect(write(aSink({ url }), records('1'))).rejects.toMatchObject({
      code: 'PEER_UNAVAILABLE',
      message: expect.stringContaining(String(status)),
    })
  })

  test('is waited for no longer than it may take', async () => {
    const { url } = await aPeer(() => {})
    await expect(write(aSink({ url, timeout: '100ms' }), records('1'))).rejects.toMatchObject({
      code: 'PEER_UNAVAILABLE',
    })
  })

  test('says when it wants to be asked again', async () => {
    const { received, url } = await aPeer((_, response, count) => {
      if (count === 1) response.writeHead(429, { 'retry-after': '1' })
      response.end()
    })
    const sink = aSink({ url })
    const batch = records('1')
    await expect(write(sink, batch)).rejects.toMatchObject({ code: 'PEER_UNAVAILABLE' })
    const beganUs = systemClock.monotonicUs()
    await write(sink, batch)
    expect(systemClock.monotonicUs() - beganUs).toBeGreaterThan(800_000)
    expect(received).toHaveLength(2)
  })

  test.each([400, 401, 404, 409, 413, 422])('%i refuses the record', async (status) => {
    const { url } = await aPeer((_, response) => response.writeHead(status).end('no\r\nsuch thing'))
    const receipt = await write(aSink({ url }), records('1'))
    const message = expect.stringMatching(new RegExp(`^127.* answered ${status}: no such thing$`))
    expect(receipt.refused).toEqual([{ index: 0, message }])
  })

  test('of 4xx to several has the bad one found, and the others taken', async () => {
    const taken: number[] = []
    const { url } = await aPeer(({ body }, response) => {
      const values = JSON.parse(body) as number[]
      if (values.includes(5)) response.writeHead(422)
      else taken.push(...values)
      response.end()
    })
    const sink = aSink({ url, batch: { records: 8 }, concurrency: 1 })
    const receipt = await write(sink, records('1', '2', '3', '4', '5', '6', '7', '8'))
    expect(taken).toEqual([1, 2, 3, 4, 6, 7, 8])
    expect(receipt.refused).toMatchObject([{ index: 4 }])
  })

  test.each([
    ['names those that failed', 207, { failed: [{ index: 1, message: 'bad' }] }],
    [
      'has a status for each',
      207,
      [{ status: 201 }, { status: 400, error: 'bad' }, { status: 200 }],
    ],
    [
      'has a list as bulk interfaces do',
      200,
      {
        items: [
          { index: { status: 201 } },
          { index: { status: 400, error: { why: 'bad' } } },
          { index: { status: 201 } },
        ],
      },
    ],
  ])('that %s refuses only them', async (_, status, answer) => {
    const { url } = await aPeer((__, response) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answer))
    })
    const receipt = await write(aSink({ url, batch: { records: 10 } }), records('1', '2', '3'))
    expect(receipt.refused).toMatchObject([{ index: 1, message: expect.stringContaining('bad') }])
  })

  test('of 207 that says nothing of the records refuses them all: none is lost', async () => {
    const { url } = await aPeer((_, response) => response.writeHead(207).end('<multistatus/>'))
    const receipt = await write(aSink({ url, batch: { records: 10 } }), records('1', '2'))
    expect(receipt.refused).toHaveLength(2)
  })

  test('that takes a part has only the rest sent again', async () => {
    const { received, url } = await aPeer((_, response, count) => {
      response.writeHead(207, { 'content-type': 'application/json' })
      const second = count === 1 ? 503 : 201
      response.end(
        JSON.stringify(count === 1 ? [{ status: 201 }, { status: second }] : [{ status: 201 }]),
      )
    })
    const sink = aSink({ url, batch: { records: 10 } })
    const batch = records('1', '2')
    await expect(write(sink, batch)).rejects.toMatchObject({ code: 'PEER_UNAVAILABLE' })
    await write(sink, batch)
    expect(received.map(({ body }) => body)).toEqual(['[1,2]', '[2]'])
  })

  test('after a while away has nothing sent again that was taken', async () => {
    const { received, url } = await aPeer((_, response, count) => {
      if (count === 3) response.writeHead(503)
      response.end()
    })
    const sink = aSink({ url, concurrency: 1 })
    const batch = records('1', '2', '3', '4')
    await expect(write(sink, batch)).rejects.toMatchObject({ code: 'PEER_UNAVAILABLE' })
    await write(sink, batch)
    expect(received.map(({ body }) => body)).toEqual(['1', '2', '3', '3', '4'])
    const keys = received.map(({ headers }) => headers['idempotency-key'])
    expect(keys[3]).toBe(keys[2])
  })

  test('holds no secret when it becomes a message', async () => {
    const { url } = await aPeer((_, response) => response.writeHead(500).end())
    const sink = aSink({ url: `${url}/hook/s3cret?k=s3cret`, headers: { 'x-key': 's3cret' } })
    await expect(write(sink, records('1'))).rejects.toMatchObject({
      message: expect.not.stringContaining('s3cret'),
    })
  })
})

describe('a peer that is no good', () => {
  test('redirects to a private address in vain', async () => {
    const inner = await aPeer()
    const outer = await aPeer((_, response) =>
      response.writeHead(307, { location: inner.url }).end(),
    )
    const sink = aSink({ url: outer.url, redirects: 3, addresses: 'public' })
    await expect(write(sink, records('1'))).rejects.toMatchObject({ code: 'PEER_REJECTED' })
    expect(inner.received).toEqual([])
  })

  test('stops a write when the stage stops', async () => {
    const { url } = await aPeer(() => {})
    const stop = new AbortController()
    const written = aSink({ url }).write(records('1'), stop.signal, origins)
    stop.abort()
    await expect(written).rejects.toMatchObject({ code: 'PEER_UNAVAILABLE' })
  })
})

describe('the settings of an http sink', () => {
  test.each([
    [{ url: 'ftp://example.com' }],
    [{ url: 'https://${value.host}/x' }],
    [{ url: 'https://a.${value.host}/x' }],
    [{ url: 'https://example.com:${value.port}/x' }],
    [{ url: '/orders' }],
    [{ url: 'https://example.com', format: 'json', batch: { records: 2 } }],
    [{ url: 'https://example.com', headers: { 'x y': '1' } }],
  ])('refuse %o', (setting) => {
    expect(httpSink.config.safeParse(setting).success).toBe(false)
  })

  test('do not ask for more than an address', () => {
    const parsed = httpSink.config.parse({ url: 'https://example.com' })
    expect(parsed).toMatchObject({ method: 'POST', batch: { records: 1 }, redirects: 0 })
    const request: HttpRequest['addresses'] = parsed.addresses
    expect(request).toBe('any')
  })
})
