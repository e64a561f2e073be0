import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket, WebSocketServer } from 'ws'
import type { EndpointDrop } from '../../core/endpoint-drops.ts'
import type { EndpointEnvironment } from '../../core/endpoints.ts'
import { PipelineError } from '../../core/errors.ts'
import type { OpenRoute } from '../../core/listening.ts'
import { encodeHeaders } from '../../core/record-batch.ts'
import { traceparentName, tracestateName } from '../../core/trace-context.ts'
import { rawProblem } from '../listening/shared-server.ts'
import type { Problem } from '../listening/problem.ts'
import { queryOf, refusalOf, roomsOf, type AccessSetting } from '../pushing/client-access.ts'
import type { HistoryLimits } from '../pushing/history.ts'
import { PushRooms } from '../pushing/push-rooms.ts'
import { SocketClient, type PushLimits, type SocketReceiver } from './socket-client.ts'

/** What the source and the sinks of one path have to agree on. */
export interface SocketSetting extends AccessSetting {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly maxClients: number
  /** Bytes, after decompression. */
  readonly maxMessage: number
  readonly pingMs: number
  readonly subprotocols: readonly string[]
  readonly compression: boolean
}

/** How long clients have at the end to say goodbye. */
const farewellMs = 1_000
/** Below it compression makes messages no smaller. */
const compressedFrom = 1_024

/** The WebSocket clients of one path, which a source takes from and sinks push to. */
export class SocketHub {
  rooms: PushRooms | null = null
  readonly #setting: SocketSetting
  readonly #environment: EndpointEnvironment
  #server: WebSocketServer | null = null
  readonly #clients = new Set<SocketClient>()
  #receiver: SocketReceiver | null = null
  #pushLimits: PushLimits | null = null
  /** Of the stage that is to blame; the source, where there is one. */
  #dropped: EndpointEnvironment['dropped']
  /** Of the first sink, for what was not pushed. */
  #pushDropped: EndpointEnvironment['dropped']
  #users = 0
  #connections = 0
  #route: Promise<OpenRoute> | null = null
  #closing: Promise<void> = Promise.resolve()
  #watch: AbortController | null = null
  #lastGone: (() => void) | null = null

  constructor(setting: SocketSetting, environment: EndpointEnvironment) {
    this.#setting = setting
    this.#environment = environment
  }

  /** The hub of the setting's path. @throws PipelineError CONFIG_ADDRESS where others of the path have another setting. */
  static of(setting: SocketSetting, environment: EndpointEnvironment): SocketHub {
    const { host, port, path } = setting
    const make = () => new SocketHub(setting, environment)
    const hub = environment.share?.(`websocket ${host}:${port}${path}`, make) ?? make()
    if (JSON.stringify(hub.#setting) === JSON.stringify(setting)) return hub
    throw new PipelineError(
      'CONFIG_ADDRESS',
      `the websocket stages of the path ${path} on ${host}:${port} disagree about their clients; give them the same origins, token, subprotocols, max_clients, max_message, ping and compression`,
    )
  }

  /** @throws PipelineError CONFIG_ADDRESS */
  async receive(receiver: SocketReceiver, dropped: EndpointEnvironment['dropped']): Promise<void> {
    if (this.#receiver !== null)
      throw new PipelineError(
        'CONFIG_ADDRESS',
        `two websocket sources have the path ${this.#setting.path}; give one of them another path`,
      )
    this.#receiver = receiver
    this.#dropped = dropped
    for (const client of this.#clients) client.receiveBy(receiver)
    try {
      await this.#open()
    } catch (thrown) {
      this.#receiver = null
      throw thrown
    }
  }

  async push(
    limits: PushLimits & { readonly history: HistoryLimits },
    dropped: EndpointEnvironment['dropped'],
  ): Promise<void> {
    this.#pushLimits = limits
    this.#dropped ??= dropped
    this.#pushDropped ??= dropped
    if (this.rooms === null) {
      this.rooms = new PushRooms(limits.history)
      for (const client of this.#clients) this.rooms.enter(client, 0)
    }
    for (const client of this.#clients) client.pushBy(limits)
    await this.#open()
  }

  /** The receiver takes nothing more. */
  async stopReceiving(): Promise<void> {
    this.#receiver = null
    for (const client of this.#clients) client.stop()
    await this.leave()
  }

  /** Who has opened it goes; with the last one all clients do. */
  async leave(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0) return
    this.#closing = this.#close(this.#route)
    this.#route = null
    await this.#closing
  }

  async #open(): Promise<void> {
    this.#users += 1
    try {
      await this.#closing
      this.#route ??= this.#listen()
      await this.#route
    } catch (thrown) {
      this.#users -= 1
      this.#route = null
      throw thrown
    }
  }

  async #listen(): Promise<OpenRoute> {
    const { listening, tell } = this.#environment
    const { host, port, path } = this.#setting
    if (listening === undefined)
      throw new PipelineError('CONFIG_USAGE', `nothing can be listened to here (${path})`)
    this.#server ??= await serverFor(this.#setting)
    const route = await listening.open(
      { host, port, path, owner: 'the websocket' },
      { upgrade: (request, socket, head) => this.#upgrade(request, socket, head) },
    )
    tell?.(`the websocket listens on ws://${host}:${route.port}${path}`)
    this.#watch = new AbortController()
    void this.#keepAlive(this.#watch.signal)
    return route
  }

  async #close(route: Promise<OpenRoute> | null): Promise<void> {
    this.#watch?.abort()
    const over = new AbortController()
    this.#lastGone = () => over.abort()
    for (const client of this.#clients) client.close()
    if (this.#clients.size > 0) await this.#environment.clock.sleep(farewellMs, over.signal)
    for (const client of this.#clients) client.terminate()
    this.rooms = null
    this.#pushLimits = null
    this.#dropped = undefined
    this.#pushDropped = undefined
    await (await route)?.close()
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refused = refusalOf(request, this.#setting) ?? this.#refusal(request)
    if (refused !== null) {
      this.#dropped?.(refused.status === 503 ? 'too_many_clients' : 'refused_client')
      socket.end(rawProblem(refused))
      return
    }
    let isAccepted = false
    this.#server?.handleUpgrade(request, socket, head, (accepted) => {
      isAccepted = true
      this.#accept(accepted, request)
    })
    // What breaks the rules of an upgrade has been answered.
    if (!isAccepted) this.#dropped?.('refused_client')
  }

  #refusal({ headers }: IncomingMessage): Problem | null {
    const { maxClients, subprotocols } = this.#setting
    if (this.#clients.size >= maxClients)
      return {
        status: 503,
        code: 'clients',
        detail: `${maxClients} clients are connected, which is as many as may be`,
        retryAfter: 1,
      }
    const offered = headers['sec-websocket-protocol']
    if (subprotocols.length === 0 || offered === undefined) return null
    const isKnown = offered.split(',').some((name) => subprotocols.includes(name.trim()))
    const detail = `none of the offered subprotocols is spoken here: ${subprotocols.join(', ')}`
    return isKnown ? null : { status: 400, code: 'subprotocol', detail }
  }

  #accept(socket: WebSocket, request: IncomingMessage): void {
    this.#connections += 1
    const client = new SocketClient(socket, {
      clock: this.#environment.clock,
      number: this.#connections,
      remoteIp: request.socket.remoteAddress ?? '',
      query: queryOf(request),
      rooms: roomsOf(request),
      headers: traceHeaders(request),
      dropped: (drop: EndpointDrop, count) => this.#dropped?.(drop, count),
      pushDropped: (drop) => this.#pushDropped?.(drop),
      closed: (gone) => this.#closed(gone),
    })
    this.#clients.add(client)
    client.receiveBy(this.#receiver)
    client.pushBy(this.#pushLimits)
    this.rooms?.enter(client, 0)
  }

  #closed(client: SocketClient): void {
    this.#clients.delete(client)
    this.rooms?.leave(client)
    if (this.#clients.size === 0) this.#lastGone?.()
  }

  async #keepAlive(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#environment.clock.sleep(this.#setting.pingMs, signal)
      if (signal.aborted) return
      for (const client of this.#clients) client.check()
    }
  }
}

/** All messages of a connection belong to the trace that it was opened in. */
function traceHeaders({ headers }: IncomingMessage): Uint8Array {
  const parent = headers[traceparentName]
  if (typeof parent !== 'string') return encodeHeaders([])
  const state = headers[tracestateName]
  const more = typeof state === 'string' ? [[tracestateName, state] as const] : []
  return encodeHeaders([[traceparentName, parent], ...more])
}

/** The package is loaded by those who use it only: most runs do not. */
async function serverFor(setting: SocketSetting): Promise<WebSocketServer> {
  const { WebSocketServer } = await import('ws')
  return new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: setting.maxMessage,
    perMessageDeflate: setting.compression
      ? {
          threshold: compressedFrom,
          serverNoContextTakeover: true,
          clientNoContextTakeover: true,
        }
      : false,
    handleProtocols: (offered) => setting.subprotocols.find((name) => offered.has(name)) ?? false,
  })
}
