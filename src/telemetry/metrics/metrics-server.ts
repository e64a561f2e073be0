import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isIP, type AddressInfo } from 'node:net'
import type { Attributes, Metric } from '../../core/metric.ts'
import { contentTypes, formatFor, prometheusText } from './prometheus-text.ts'

/** Of scrapers and probes there are few. */
const maxConnections = 64
const maxHeaderBytes = 8_192
const requestTimeoutMs = 5_000

export interface Readiness {
  readonly isReady: boolean
  /** A line for people. */
  readonly says: string
}

export interface MetricsServerOptions {
  readonly host: string
  readonly port: number
  /** Whether it may be reached from elsewhere. Where not, a page of another site must not reach it by a name. */
  readonly isOpen: boolean
  readonly collect: () => Promise<readonly Metric[]>
  readonly resource: Attributes
  readonly readiness: () => Readiness
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** Serves `GET /metrics`, `/livez` and `/readyz`, and nothing else. */
export class MetricsServer {
  readonly #options: MetricsServerOptions
  readonly #server: Server
  /** Those who ask at the same time get the same. */
  #collecting: Promise<readonly Metric[]> | null = null

  constructor(options: MetricsServerOptions) {
    this.#options = options
    this.#server = createServer(
      { maxHeaderSize: maxHeaderBytes, requestTimeout: requestTimeoutMs },
      (request, response) => void this.#respond(request, response),
    )
    this.#server.maxConnections = maxConnections
  }

  /** @returns the port. @throws as `server.listen`, such as EADDRINUSE. */
  async listen(): Promise<number> {
    const { host, port } = this.#options
    const listening = once(this.#server, 'listening')
    this.#server.listen(port, host)
    await listening
    // It never keeps a run from ending.
    this.#server.unref()
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, body } = await this.#answer(request)
    response.writeHead(status, {
      'content-type': type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  async #answer({ method, url = '', headers }: IncomingMessage): Promise<Answer> {
    if (!this.#options.isOpen && !isLocalHost(headers.host))
      return text(421, 'this address is served under its own name only')
    if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET')
    const [path] = url.split('?')
    if (path === '/livez') return text(200, 'ok')
    if (path === '/readyz') {
      const { isReady, says } = this.#options.readiness()
      return text(isReady ? 200 : 503, says)
    }
    if (path !== '/metrics') return text(404, 'there are /metrics, /livez and /readyz')
    return this.#metrics(headers.accept)
  }

  async #metrics(accept: string | undefined): Promise<Answer> {
    const { collect, resource } = this.#options
    const format = formatFor(accept)
    try {
      this.#collecting ??= collect().finally(() => (this.#collecting = null))
      const metrics = await this.#collecting
      const body = prometheusText(metrics, { format, resource })
      return { status: 200, type: contentTypes[format], body }
    } catch {
      // The log is closing, most probably; a scraper asks again.
      return text(503, 'no measurements can be had now')
    }
  }
}

function text(status: number, line: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${line}\n` }
}

/** An address, or this machine: any other name may be one that somebody made lead here. */
function isLocalHost(host: string | undefined): boolean {
  const name = URL.parse(`http://${host ?? ''}`)?.hostname.replace(/^\[|\]$/g, '') ?? ''
  return name === 'localhost' || isIP(name) !== 0
}
