import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EndpointEnvironment } from '../../core/endpoints.ts'
import { PipelineError } from '../../core/errors.ts'
import type { OpenRoute } from '../../core/listening.ts'
import { sendProblem, type Problem } from '../listening/problem.ts'
import { refusalOf, roomsOf, type AccessSetting } from '../pushing/client-access.ts'
import type { HistoryLimits } from '../pushing/history.ts'
import type { PushPlace } from '../pushing/push-sink.ts'
import { PushRooms } from '../pushing/push-rooms.ts'
import { EventClient } from './event-client.ts'

export interface EventSetting extends AccessSetting {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly maxClients: number
  readonly heartbeatMs: number
  readonly bufferBytes: number
  readonly slow: 'skip' | 'close'
  readonly history: HistoryLimits
}

const farewellMs = 1_000
const idRange = 2 ** 32

/** The clients of one path that get server-sent events. */
export class EventHub implements PushPlace {
  readonly rooms: PushRooms
  readonly #setting: EventSetting
  readonly #environment: EndpointEnvironment
  readonly #clients = new Set<EventClient>()
  readonly #idPrefix: string
  #users = 0
  #route: Promise<OpenRoute> | null = null
  #closing: Promise<void> = Promise.resolve()
  #watch: AbortController | null = null
  #lastGone: (() => void) | null = null

  constructor(setting: EventSetting, environment: EndpointEnvironment) {
    this.#setting = setting
    this.#environment = environment
    this.rooms = new PushRooms(setting.history)
    this.#idPrefix = `${Math.floor(environment.random.next() * idRange).toString(36)}-`
  }

  /** The hub of the setting's path. @throws PipelineError CONFIG_ADDRESS where others of the path have another setting. */
  static of(setting: EventSetting, environment: EndpointEnvironment): EventHub {
    const { host, port, path } = setting
    const make = () => new EventHub(setting, environment)
    const hub = environment.share?.(`sse ${host}:${port}${path}`, make) ?? make()
    if (JSON.stringify(hub.#setting) === JSON.stringify(setting)) return hub
    throw new PipelineError(
      'CONFIG_ADDRESS',
      `the sse sinks of the path ${path} on ${host}:${port} have different settings; give them the same, but for room`,
    )
  }

  async open(): Promise<void> {
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

  async close(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0) return
    this.#closing = this.#closeDown(this.#route)
    this.#route = null
    await this.#closing
  }

  async #listen(): Promise<OpenRoute> {
    const { listening, tell } = this.#environment
    const { host, port, path } = this.#setting
    if (listening === undefined)
      throw new PipelineError('CONFIG_USAGE', `nothing can be listened to here (${path})`)
    const route = await listening.open(
      { host, port, path, owner: 'the sse sink' },
      { request: (request, response) => this.#request(request, response) },
    )
    tell?.(`the sse sink listens on http://${host}:${route.port}${path}`)
    this.#watch = new AbortController()
    void this.#beat(this.#watch.signal)
    return route
  }

  async #closeDown(route: Promise<OpenRoute> | null): Promise<void> {
    this.#watch?.abort()
    const over = new AbortController()
    this.#lastGone = () => over.abort()
    for (const client of this.#clients) client.end()
    if (this.#clients.size > 0) await this.#environment.clock.sleep(farewellMs, over.signal)
    for (const client of this.#clients) client.destroy()
    await (await route)?.close()
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const refused = refusalOf(request, this.#setting) ?? this.#refusal(request)
    request.resume()
    if (refused !== null) {
      const drop = refused.status === 503 ? 'too_many_clients' : 'refused_client'
      this.#environment.dropped?.(drop)
      sendProblem(response, refused)
      return
    }
    const { bufferBytes, slow } = this.#setting
    const client = new EventClient(response, {
      rooms: roomsOf(request),
      idPrefix: this.#idPrefix,
      bufferBytes,
      slow,
      dropped: (drop) => this.#environment.dropped?.(drop),
    })
    this.#clients.add(client)
    response.on('close', () => this.#closed(client))
    // Without a listener the error of a client that goes away would end the process.
    response.on('error', () => {})
    client.begin(corsHeaders(request))
    this.rooms.enter(client, this.#lastNumber(request))
  }

  #refusal({ method }: IncomingMessage): Problem | null {
    if (method !== 'GET')
      return {
        status: 405,
        code: 'method',
        detail: 'events are asked for with GET',
        headers: { allow: 'GET' },
      }
    const { maxClients } = this.#setting
    if (this.#clients.size < maxClients) return null
    return {
      status: 503,
      code: 'clients',
      detail: `${maxClients} clients are connected, which is as many as may be`,
      retryAfter: 1,
    }
  }

  /** Of the event that the client has had last; 0: none of this start. */
  #lastNumber({ headers }: IncomingMessage): number {
    const id = headers['last-event-id']
    if (typeof id !== 'string' || !id.startsWith(this.#idPrefix)) return 0
    const number = Number(id.slice(this.#idPrefix.length))
    return Number.isSafeInteger(number) ? number : 0
  }

  #closed(client: EventClient): void {
    this.#clients.delete(client)
    this.rooms.leave(client)
    if (this.#clients.size === 0) this.#lastGone?.()
  }

  async #beat(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#environment.clock.sleep(this.#setting.heartbeatMs, signal)
      if (signal.aborted) return
      for (const client of this.#clients) client.beat()
    }
  }
}

/** The origin has been judged already. */
function corsHeaders({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  const { origin } = headers
  return origin === undefined ? {} : { 'access-control-allow-origin': origin, vary: 'origin' }
}
