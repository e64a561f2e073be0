import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isIP, type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../core/clock.ts'
import { messageOf, PipelineError } from '../../core/errors.ts'
import type { ListenPlace, RouteHandlers } from '../../core/listening.ts'
import { errnoOf } from '../file-error.ts'
import { problemText, problemType, sendProblem, titleOf, type Problem } from './problem.ts'

export interface ServerLimits {
  /** Clients at a time; more are turned away. */
  readonly connections: number
  /** Until the head of a request is there. */
  readonly headersMs: number
  /** Until all of it is there. */
  readonly requestMs: number
  /** How long a connection without a request is kept. */
  readonly keepAliveMs: number
  readonly headerBytes: number
  /** How long requests under way are waited for when all is to end. */
  readonly drainMs: number
}

export const defaultLimits: ServerLimits = {
  connections: 10_000,
  headersMs: 10_000,
  requestMs: 60_000,
  keepAliveMs: 65_000,
  headerBytes: 16_384,
  drainMs: 5_000,
}

/** How often slow clients are looked for. */
const checkEveryMs = 1_000

/** One server of one host and port, for all who have a path there. */
export class SharedServer {
  readonly #clock: Clock
  readonly #limits: ServerLimits
  readonly #server: Server
  readonly #routes = new Map<string, RouteHandlers[]>()
  /** Answers that have not been sent yet. */
  readonly #open = new Set<ServerResponse>()
  readonly #isLoopback: boolean
  #isClosing = false
  #drained: (() => void) | null = null

  constructor(place: Pick<ListenPlace, 'host'>, clock: Clock, limits: ServerLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#isLoopback = isLoopback(place.host)
    this.#server = createServer(
      {
        maxHeaderSize: limits.headerBytes,
        headersTimeout: Math.min(limits.headersMs, limits.requestMs),
        requestTimeout: limits.requestMs,
        keepAliveTimeout: limits.keepAliveMs,
        connectionsCheckingInterval: checkEveryMs,
        noDelay: true,
        shouldUpgradeCallback: (request) => this.#handlerOf(request, 'upgrade') !== undefined,
      },
      (request, response) => this.#request(request, response),
    )
    this.#server.maxConnections = limits.connections
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#server.on('clientError', (error, socket) => refuseClient(error, socket))
  }

  /** @returns the port. @throws PipelineError CONFIG_ADDRESS */
  async listen({ host, port, owner }: ListenPlace): Promise<number> {
    const listening = once(this.#server, 'listening')
    this.#server.listen(port, host)
    try {
      await listening
    } catch (thrown) {
      throw new PipelineError('CONFIG_ADDRESS', whyNot({ host, port, owner }, thrown))
    }
    return (this.#server.address() as AddressInfo).port
  }

  /** @throws PipelineError CONFIG_ADDRESS when somebody has the path already. */
  add({ host, port, path, owner }: ListenPlace, handlers: RouteHandlers): void {
    const others = this.#routes.get(path) ?? []
    const isTaken = others.some(
      (other) =>
        (other.request !== undefined && handlers.request !== undefined) ||
        (other.upgrade !== undefined && handlers.upgrade !== undefined),
    )
    if (isTaken)
      throw new PipelineError(
        'CONFIG_ADDRESS',
        `${owner} cannot have the path ${path} on ${host}:${port}, which another stage has already; give one of them another path or port`,
      )
    this.#routes.set(path, [...others, handlers])
  }

  /** @returns whether nobody is left. */
  remove(path: string, handlers: RouteHandlers): boolean {
    const left = (this.#routes.get(path) ?? []).filter((each) => each !== handlers)
    if (left.length > 0) this.#routes.set(path, left)
    else this.#routes.delete(path)
    return this.#routes.size === 0
  }

  /** Takes no more connections, waits for the answers under way, then closes what is left. */
  async close(drainMs = this.#limits.drainMs): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    for (const response of this.#open) response.shouldKeepAlive = false
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    await this.#untilAnswered(drainMs)
    this.#server.closeAllConnections()
    await closed
  }

  async #untilAnswered(drainMs: number): Promise<void> {
    if (this.#open.size === 0) return
    const done = new AbortController()
    this.#drained = () => done.abort()
    await this.#clock.sleep(drainMs, done.signal)
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const refused = this.#refusalOf(request)
    this.#open.add(response)
    response.on('close', () => this.#answered(response))
    if (this.#isClosing) response.shouldKeepAlive = false
    if (refused !== null) {
      sendProblem(response, refused)
      request.resume()
      return
    }
    const handler = this.#handlerOf(request, 'request')
    if (handler !== undefined) handler.request!(request, response)
    else {
      sendProblem(response, this.#noHandler(request))
      request.resume()
    }
  }

  #answered(response: ServerResponse): void {
    this.#open.delete(response)
    if (this.#open.size === 0) this.#drained?.()
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refused = this.#refusalOf(request)
    // Without a listener the error of a client that goes away would end the process.
    socket.on('error', () => {})
    if (refused !== null) socket.end(rawProblem(refused))
    else this.#handlerOf(request, 'upgrade')?.upgrade?.(request, socket, head)
  }

  #refusalOf({ headers }: IncomingMessage): Problem | null {
    if (this.#isClosing)
      return { status: 503, code: 'closing', detail: 'the pipeline is stopping', retryAfter: 1 }
    if (this.#isLoopback && !isLocalName(headers.host))
      return {
        status: 421,
        code: 'host',
        detail: 'this address is served under localhost or its number only',
      }
    return null
  }

  #noHandler(request: IncomingMessage): Problem {
    const path = pathOf(request)
    if (this.#routes.has(path))
      return {
        status: 426,
        code: 'upgrade',
        detail: `${shown(path)} takes WebSocket connections only`,
        headers: { upgrade: 'websocket' },
      }
    return { status: 404, code: 'path', detail: `nothing is served at ${shown(path)}` }
  }

  #handlerOf(request: IncomingMessage, kind: 'request' | 'upgrade'): RouteHandlers | undefined {
    return this.#routes.get(pathOf(request))?.find((route) => route[kind] !== undefined)
  }
}

/** Of a request its target without the query. */
export function pathOf({ url = '/' }: Pick<IncomingMessage, 'url'>): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

const shownLength = 200

function shown(path: string): string {
  return path.length > shownLength ? `${path.slice(0, shownLength)}...` : path
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

/** Any other name may be one that somebody made lead here, for a page of theirs. */
function isLocalName(host: string | undefined): boolean {
  const name = (host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  return name === '' || name === 'localhost' || name.endsWith('.localhost') || isIP(name) !== 0
}

/** In the words of a CONFIG_ADDRESS error. */
export function whyNot({ host, port, owner }: Omit<ListenPlace, 'path'>, thrown: unknown): string {
  const where = `${owner} cannot listen on ${host}:${port}`
  switch (errnoOf(thrown)) {
    case 'EADDRINUSE':
      return `${where}: another program listens there; end it, or set another port`
    case 'EACCES':
      return `${where}: this user may not; set a port above 1023`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${where}: this machine has no such address; set host to one that it has, such as 127.0.0.1 or 0.0.0.0`
    default:
      return `${where}: ${messageOf(thrown)}`
  }
}

const clientProblems: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: 'headers', detail: 'the headers are too long' },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: 'slow',
    detail: 'the request took too long to come',
  },
}
const noHttp: Problem = { status: 400, code: 'http', detail: 'the request is no valid HTTP/1.1' }

function refuseClient(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  socket.end(rawProblem(clientProblems[error.code ?? ''] ?? noHttp), () => socket.destroy())
}

/** The whole answer, for a socket that an upgrade was asked for on. */
export function rawProblem(problem: Problem): string {
  const text = problemText(problem)
  return [
    `HTTP/1.1 ${problem.status} ${titleOf(problem.status)}`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
    '',
    text,
  ].join('\r\n')
}
