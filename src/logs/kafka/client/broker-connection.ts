import Connection from 'kafkajs/src/network/connection.js'
import type { Clock } from '../../../core/clock.ts'
import { messageOf } from '../../../core/errors.ts'
import type { KafkaSasl } from '../../../core/kafka-connection.ts'
import { apiKeys } from './api-keys.ts'
import { ByteWriter } from './byte-writer.ts'
import {
  type ConnectionTarget,
  connectError,
  greetingError,
  lostConnection,
  silentError,
} from './connect-error.ts'
import type { NameSetting } from './connection-setting.ts'
import { answeredError } from './error-codes.ts'
import { FramedSocket, type SocketTls } from './framed-socket.ts'
import { KafkaError } from './kafka-error.ts'
import {
  kafkaJsRequest,
  type EncodedRequest,
  type ProtocolRequest,
  type VersionRange,
} from './protocol-request.ts'
import { RequestsInFlight } from './requests-in-flight.ts'
import { saslLogin } from './sasl-login.ts'

export interface ConnectionOptions {
  readonly clock: Clock
  readonly clientId: string
  readonly tls: SocketTls | null
  readonly sasl: KafkaSasl | null
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  /** A longer answer ends the connection. */
  readonly maxAnswerBytes: number
  readonly mask: (text: string) => string
  readonly name: NameSetting
}

/** What is tried and known about one address; shared by its connections. */
export interface BrokerAddress extends ConnectionTarget {
  readonly host: string
  readonly port: number
  proven: boolean
}

/** A session that the broker limits is renewed so long before its end, or in its last part. */
const maxReloginMs = 10_000
const reloginPart = 0.15

const quiet = () => {}
/** All that kafkajs logs is also an error or an answer that is seen here. */
const silence = { namespace: () => silence, debug: quiet, info: quiet, warn: quiet, error: quiet }

/** One connection to a broker, logged in. It ends with the first time-out or unreadable answer. */
export class BrokerConnection {
  readonly #target: BrokerAddress
  readonly #options: ConnectionOptions
  readonly #requests: RequestsInFlight
  readonly #connection: Connection
  #versions: ReadonlyMap<number, VersionRange> = new Map()
  #socket: FramedSocket | null = null
  #open = false
  /** The error that ended the connection; null: the broker closed it. */
  #cause: Error | null = null
  #usedUs = 0

  constructor(target: BrokerAddress, options: ConnectionOptions) {
    const { clock, clientId, connectTimeoutMs, requestTimeoutMs, sasl } = options
    this.#target = target
    this.#options = options
    this.#requests = new RequestsInFlight({
      clock,
      address: target.address,
      loginTimeoutMs: connectTimeoutMs,
      onTimeout: () => this.close(new Error('a request before was not answered in time')),
    })
    this.#connection = new Connection({
      host: target.host,
      port: target.port,
      clientId,
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      logger: silence,
      socketFactory: ({ onConnect }) => this.#openSocket(onConnect),
      sasl: sasl === null ? null : saslLogin(sasl, options),
    })
    this.#connection.requestQueue = this.#requests
    this.#connection.setSupportAuthenticationProtocol(true)
  }

  /** Connects, learns the versions that the broker knows, and logs in. */
  async open(): Promise<void> {
    try {
      await this.#connection.connect()
    } catch (error) {
      throw connectError(this.#target, this.#socket === null ? error : this.#cause)
    }
    this.#open = true
    try {
      await this.#askVersions()
      if (this.#options.sasl !== null) await this.#login()
    } catch (error) {
      this.close(null)
      throw error
    }
  }

  /** Whether requests can be sent. */
  get isOpen(): boolean {
    return this.#open
  }

  /** Requests that wait for their answers. */
  get pending(): number {
    return this.#requests.size
  }

  /** When the last request was sent, monotonic µs. */
  get usedUs(): number {
    return this.#usedUs
  }

  /** Requests are written in the order of the calls, as long as they are of one kind. */
  async exchange<Answer>(request: ProtocolRequest<Answer>): Promise<Answer> {
    const range = this.#versions.get(apiKeys[request.name])
    const encoded = range === undefined ? null : await request.encode(range)
    if (encoded === null) throw this.#unsupported(request.name)
    if (this.#options.sasl !== null && !this.#connection.isAuthenticated()) await this.#login()
    const timeoutMs = this.#options.requestTimeoutMs + request.brokerWaitMs
    const answer = await this.#roundTrip(request, encoded, timeoutMs)
    this.#target.proven = true
    return answer
  }

  /** Requests that are waiting end with an error. */
  close(why: Error | null): void {
    this.#socket?.destroy(why)
  }

  async #askVersions(): Promise<void> {
    const { connectTimeoutMs } = this.#options
    const request = kafkaJsRequest('ApiVersions', undefined, { repeatable: true })
    const encoded = await request.encode({ minVersion: 0, maxVersion: 2 })
    const { errorCode, apiVersions } = await this.#roundTrip(request, encoded!, connectTimeoutMs)
    const error = answeredError({ code: errorCode, what: `ApiVersions at ${this.#target.address}` })
    if (error !== null) throw error
    this.#versions = new Map(apiVersions.map((version) => [version.apiKey, version]))
    this.#connection.setVersions(Object.fromEntries(this.#versions))
  }

  async #login(): Promise<void> {
    const { address } = this.#target
    try {
      await this.#connection.authenticate()
      const lifetimeMs = Number(this.#connection.sessionLifetime.toString())
      this.#connection.reauthenticationThreshold = Math.min(maxReloginMs, lifetimeMs * reloginPart)
    } catch (error) {
      this.close(null)
      if (error instanceof KafkaError) throw error
      const { sasl, name } = this.#options
      const what = `logging in at ${address} with ${name('sasl.mechanism')} ${sasl!.mechanism}`
      const code = error instanceof Error && 'code' in error ? error.code : null
      const refused = typeof code === 'number' ? answeredError({ code, what }) : null
      throw refused ?? this.#unreadable('SaslHandshake', error)
    }
  }

  async #roundTrip<Answer>(
    request: ProtocolRequest<Answer>,
    encoded: EncodedRequest<Answer>,
    timeoutMs: number,
  ): Promise<Answer> {
    const payload = await this.#send(request, encoded, timeoutMs).catch((error: unknown) => {
      const { code } = error as KafkaError
      if (code === 'TIMEOUT' && request.name === 'ApiVersions' && !this.#target.proven)
        throw silentError(this.#target, timeoutMs)
      const isLost = !this.#open && (code === 'CONNECTION' || code === 'BAD_ANSWER')
      throw isLost && !this.#target.proven ? greetingError(this.#target, this.#cause) : error
    })
    try {
      return await encoded.decode(encoded.flexible ? withoutTags(payload) : payload)
    } catch (error) {
      if (error instanceof KafkaError) throw error
      throw this.#unreadable(request.name, error, request.repeatable)
    }
  }

  #send(
    { name, repeatable }: ProtocolRequest<unknown>,
    { version, flexible, parts }: EncodedRequest<unknown>,
    timeoutMs: number,
  ): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const socket = this.#socket
      if (!this.#open || socket === null) {
        const message = `${name} at ${this.#target.address}: ${lostConnection(this.#cause)}`
        reject(new KafkaError({ code: 'CONNECTION', kind: 'retriable' }, message))
        return
      }
      const correlationId = this.#connection.nextCorrelationId()
      const bodyBytes = parts.reduce((sum, part) => sum + part.length, 0)
      const header = new ByteWriter()
        .int32(0)
        .int16(apiKeys[name])
        .int16(version)
        .int32(correlationId)
        .string(this.#options.clientId)
      if (flexible) header.noTags()
      const head = header.bytes
      head.writeInt32BE(head.length - 4 + bodyBytes, 0)
      this.#usedUs = this.#options.clock.monotonicUs()
      this.#requests.add({ apiName: name, correlationId, timeoutMs, repeatable, resolve, reject })
      socket.send([head, ...parts])
    })
  }

  /** The socket as kafkajs uses it: it hears of the end, writes what logs in, and ends it. */
  #openSocket(onConnect: () => void): unknown {
    const { tls, maxAnswerBytes, connectTimeoutMs } = this.#options
    const { host, port } = this.#target
    const onFrame = (frame: Buffer) => this.#requests.receive(frame)
    const socket = new FramedSocket(
      { host, port, tls, maxFrameBytes: maxAnswerBytes, onFrame },
      onConnect,
    )
    this.#socket = socket
    const handlers = new Map<string, (error?: Error) => unknown>()
    socket.onEnd((cause) => {
      this.#open = false
      this.#cause = cause
      this.#requests.fail(lostConnection(cause), cause)
      // kafkajs does not settle `connect` when a socket ends before it was connected.
      if (socket.connected) handlers.get('end')?.()
      else handlers.get('error')?.(cause ?? new Error('closed'))
    })
    return {
      on: (event: string, handler: (error?: Error) => unknown) => handlers.set(event, handler),
      write: (bytes: Buffer) => socket.send([bytes]),
      end: () =>
        socket.destroy(
          socket.connected ? null : new Error(`no connection within ${connectTimeoutMs} ms`),
        ),
      unref: quiet,
    }
  }

  #unsupported(name: string): KafkaError {
    return new KafkaError(
      { code: 'UNSUPPORTED_VERSION', kind: 'config' },
      `${name} at ${this.#target.address}: the broker knows no version of this request that Millrace does; it must be Kafka 2.5 or newer`,
    )
  }

  #unreadable(name: string, cause: unknown, repeatable = true): KafkaError {
    this.close(new Error('an answer before could not be read'))
    return new KafkaError(
      { code: 'BAD_ANSWER', kind: repeatable ? 'fatal' : 'indefinite' },
      `${name} at ${this.#target.address}: the answer cannot be read: ${messageOf(cause)}`,
      { cause },
    )
  }
}

/** The header of an answer of a flexible version ends with tagged fields: none, today. */
function withoutTags(payload: Buffer): Buffer {
  if (payload[0] !== 0) throw new Error('the header of the answer has unknown fields')
  return payload.subarray(1)
}
