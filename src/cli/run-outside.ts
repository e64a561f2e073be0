import type { EndpointEnvironment, KafkaEndpoints } from '../core/endpoints.ts'
import type { ListenerServices } from '../core/hook.ts'
import type { HttpAnswer, HttpClient, HttpRequest } from '../core/http-client.ts'
import type { Listening, ListenPlace, OpenRoute, RouteHandlers } from '../core/listening.ts'
import type { Log } from '../core/log.ts'
import { clientRooms } from '../endpoints/pushing/client-rooms.ts'
import { LogFollower } from '../runtime/follow-topic.ts'
import type { CliEnvironment } from './cli-environment.ts'
import type { WriteLog } from './create-logger.ts'

/** What the sources, sinks and listeners of a run reach, all of them together. */
export class RunOutside {
  readonly endpoints: EndpointEnvironment
  readonly listeners: ListenerServices
  readonly #http: LazyHttpClient | null
  readonly #listening: LazyListening | null

  constructor(log: Log, environment: CliEnvironment, writeLog: WriteLog) {
    const { clock, random, stdout, openHttpClient, openListening } = environment
    const notice = (message: string) => writeLog('warn', message)
    this.#http = openHttpClient === undefined ? null : new LazyHttpClient(openHttpClient)
    const http = this.#http === null ? {} : { http: this.#http }
    this.#listening = openListening === undefined ? null : new LazyListening(openListening)
    this.endpoints = {
      clock,
      random,
      stdout,
      notice,
      tell: (message) => writeLog('info', message),
      ...kafkaOf(environment, notice),
      ...http,
      ...(this.#listening === null ? {} : { listening: this.#listening }),
      topics: new LogFollower(log.reader, clock),
      share: sharedByName(),
      // Opened by the source that reads it only.
      get stdin() {
        return environment.stdin
      },
    }
    const { processes } = environment
    this.listeners = {
      log: writeLog,
      ...http,
      ...(processes === undefined ? {} : { processes }),
      ...(this.#listening === null ? {} : { rooms: clientRooms(this.endpoints) }),
    }
  }

  /** What steps reach of it. */
  get forSteps(): Pick<EndpointEnvironment, 'http' | 'topics'> {
    const { http, topics } = this.endpoints
    return { ...(http === undefined ? {} : { http }), ...(topics === undefined ? {} : { topics }) }
  }

  async close(): Promise<void> {
    await this.#listening?.close()
    await this.#http?.close()
  }
}

function sharedByName(): NonNullable<EndpointEnvironment['share']> {
  const shared = new Map<string, object>()
  return <Shared extends object>(name: string, make: () => Shared) => {
    const found = shared.get(name) ?? make()
    shared.set(name, found)
    return found as Shared
  }
}

function kafkaOf(
  { openKafkaEndpoints }: CliEnvironment,
  notice: (message: string) => void,
): Pick<EndpointEnvironment, 'kafka'> {
  if (openKafkaEndpoints === undefined) return {}
  let opened: Promise<KafkaEndpoints> | null = null
  return { kafka: () => (opened ??= openKafkaEndpoints({ notice })) }
}

/** Loaded at the first request: most runs send none. */
class LazyHttpClient implements HttpClient {
  readonly #open: () => Promise<HttpClient>
  #client: Promise<HttpClient> | null = null

  constructor(open: () => Promise<HttpClient>) {
    this.#open = open
  }

  async send(request: HttpRequest): Promise<HttpAnswer> {
    this.#client ??= this.#open()
    const client = await this.#client
    return client.send(request)
  }

  async close(): Promise<void> {
    const client = await this.#client
    await client?.close()
  }
}

/** Loaded by the first who listens. */
class LazyListening implements Listening {
  readonly #open: () => Promise<Listening>
  #opening: Promise<Listening> | null = null
  #listening: Listening | null = null

  constructor(open: () => Promise<Listening>) {
    this.#open = open
  }

  get routes(): readonly OpenRoute[] {
    return this.#listening?.routes ?? []
  }

  async open(place: ListenPlace, handlers: RouteHandlers): Promise<OpenRoute> {
    this.#opening ??= this.#open()
    this.#listening = await this.#opening
    return this.#listening.open(place, handlers)
  }

  async close(): Promise<void> {
    const listening = await this.#opening
    await listening?.close()
  }
}
