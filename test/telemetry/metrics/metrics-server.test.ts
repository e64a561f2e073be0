import { request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import type { Metric } from '../../../src/core/metric.ts'
import {
  MetricsServer,
  type MetricsServerOptions,
} from '../../../src/telemetry/metrics/metrics-server.ts'
import { waits } from './a-metric.ts'

const opened: MetricsServer[] = []

afterEach(async () => {
  for (const server of opened.splice(0)) await server.close()
})

async function serve(more: Partial<MetricsServerOptions> = {}): Promise<number> {
  const server = new MetricsServer({
    host: '127.0.0.1',
    port: 0,
    isOpen: false,
    collect: async () => [waits([1_000])],
    resource: [],
    readiness: () => ({ isReady: true, says: 'ready' }),
    ...more,
  })
  opened.push(server)
  return server.listen()
}

interface Asked {
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

function ask(
  port: number,
  { path, method = 'GET', headers = {} }: Asked,
): Promise<{ status: number; type: string; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('end', () =>
        resolve({ status: response.statusCode!, type: response.headers['content-type']!, body }),
      )
    })
    asked.on('error', reject)
    asked.end()
  })
}

describe('the address that metrics are served at', () => {
  it('serves metrics, in the format that is asked for', async () => {
    const port = await serve()
    const plain = await ask(port, { path: '/metrics' })
    expect(plain).toMatchObject({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' })
    expect(plain.body).toContain('millrace_stage_wait_duration_seconds_count')
    const open = await ask(port, {
      path: '/metrics?x=1',
      headers: { accept: 'application/openmetrics-text' },
    })
    expect(open.type).toContain('application/openmetrics-text; version=1.0.0')
    expect(open.body.endsWith('# EOF\n')).toBe(true)
  })

  it('has nothing else, and changes nothing', async () => {
    const port = await serve()
    for (const path of ['/', '/metrics/', '/../etc/passwd', '/livez/x', '//'])
      expect((await ask(port, { path })).status).toBe(404)
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      expect((await ask(port, { path: '/metrics', method })).status).toBe(405)
    expect(await ask(port, { path: '/metrics', method: 'HEAD' })).toMatchObject({
      status: 200,
      body: '',
    })
  })

  it('is not reached by a name that somebody else made lead here', async () => {
    const port = await serve()
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', '@'])
      expect((await ask(port, { path: '/metrics', headers: { host } })).status).toBe(421)
    for (const host of ['localhost', `127.0.0.1:${port}`, '[::1]:1'])
      expect((await ask(port, { path: '/metrics', headers: { host } })).status).toBe(200)
  })

  it('is reached by any name where it is open to others', async () => {
    const port = await serve({ isOpen: true })
    expect((await ask(port, { path: '/livez', headers: { host: 'millrace:9464' } })).status).toBe(
      200,
    )
  })

  it('says whether it is ready, and why not', async () => {
    let readiness = { isReady: false, says: 'starting' }
    const port = await serve({ readiness: () => readiness })
    expect(await ask(port, { path: '/readyz' })).toMatchObject({ status: 503, body: 'starting\n' })
    expect((await ask(port, { path: '/livez' })).status).toBe(200)
    readiness = { isReady: true, says: 'ready' }
    expect(await ask(port, { path: '/readyz' })).toMatchObject({ status: 200, body: 'ready\n' })
  })

  it('answers that nothing can be measured when it cannot', async () => {
    const port = await serve({ collect: () => Promise.reject(new Error('the log is closed')) })
    expect((await ask(port, { path: '/metrics' })).status).toBe(503)
    expect((await ask(port, { path: '/livez' })).status).toBe(200)
  })

  it('measures once for those who ask at the same time', async () => {
    let times = 0
    const waiting = Promise.withResolvers<readonly Metric[]>()
    const port = await serve({
      collect: () => {
        times += 1
        return waiting.promise
      },
    })
    const answers = Promise.all([1, 2, 3].map(() => ask(port, { path: '/metrics' })))
    // Each of them has come when the last one of the other path is answered.
    await ask(port, { path: '/livez' })
    waiting.resolve([])
    expect((await answers).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(times).toBe(1)
  })

  it('refuses headers without end', async () => {
    const port = await serve()
    const headers = { 'x-long': 'a'.repeat(20_000) }
    expect((await ask(port, { path: '/metrics', headers })).status).toBe(431)
  })
})
