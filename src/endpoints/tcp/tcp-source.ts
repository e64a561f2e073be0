import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { EndpointEnvironment, ReadRequest, Source, SourceSlice } from '../../core/endpoints.ts'
import { messageOf, PipelineError } from '../../core/errors.ts'
import type { FilePath } from '../../core/expression.ts'
import { ClientCount, type ClientLimits } from '../clients/client-count.ts'
import { Intake } from '../clients/intake.ts'
import { Replies, type ReplySetting } from '../clients/replies.ts'
import { Room } from '../clients/room.ts'
import { openError } from '../file-error.ts'
import { whyNot } from '../listening/shared-server.ts'
import type { FrameDecoder } from './frame-decoder.ts'
import type { Framing } from './frame-input.ts'
import { TcpClient } from './tcp-client.ts'

export interface TlsSetting {
  readonly cert: FilePath
  readonly key: FilePath
  /** Clients show a certificate of this authority; absent: they show none. */
  readonly ca?: FilePath | undefined
}

export interface TcpOptions {
  readonly host: string
  readonly port: number
  readonly tls: TlsSetting | undefined
  readonly framing: Framing
  readonly makeDecoder: () => FrameDecoder
  readonly reply: ReplySetting | undefined
  readonly limits: ClientLimits
  readonly idleMs: number
  /** Of all clients together, for what is not taken yet. */
  readonly bufferBytes: number
  readonly replyBufferBytes: number
}

const keepAliveMs = 60_000
const handshakeMs = 10_000
/** Clients that are being told that there is no place for them. */
const maxRefused = 256
/** How often clients are looked at, by how long they may be silent. */
const looksPerIdle = 4
const maxLookMs = 5_000
/** How long clients have at the end to take their last answers. */
const farewellMs = 1_000

/** Listens, and hands on what clients send; who is answered, is answered once the message is stored. */
export class TcpSource implements Source {
  readonly #options: TcpOptions
  readonly #environment: EndpointEnvironment
  readonly #replies: Replies
  readonly #intake: Intake
  readonly #room: Room
  readonly #count: ClientCount
  readonly #clients = new Set<TcpClient>()
  readonly #stop = new AbortController()
  #server: Server | null = null
  #listening: Promise<void> | null = null
  #connections = 0
  #refused = 0
  #lastGone: (() => void) | null = null

  constructor(options: TcpOptions, environment: EndpointEnvironment) {
    this.#options = options
    this.#environment = environment
    this.#replies = new Replies(options.reply, environment, () => this.#intake.wake())
    this.#room = new Room(options.bufferBytes, () => this.#intake.hasWaiting)
    this.#count = new ClientCount(options.limits)
    this.#intake = new Intake({
      stamp: this.#replies.stamp,
      mayTake: () => this.#replies.mayTake(),
      drained: () => this.#room.relieve(),
    })
  }

  async read(request: ReadRequest): Promise<SourceSlice | null> {
    await this.#replies.waiters?.open(request.signal)
    if (request.signal.aborted) return null
    this.#listening ??= this.#listen()
    await this.#listening
    return this.#intake.read(request)
  }

  committed(): void {
    const slice = this.#intake.committed()
    if (slice !== undefined) this.#replies.committed(slice)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#server?.close()
    this.#replies.close()
    if (this.#clients.size === 0) return
    const over = new AbortController()
    this.#lastGone = () => over.abort()
    for (const client of this.#clients) client.stop()
    if (this.#clients.size > 0) await this.#environment.clock.sleep(farewellMs, over.signal)
    for (const client of this.#clients) client.destroy()
  }

  /** @throws PipelineError */
  async #listen(): Promise<void> {
    const { host, port, tls, limits } = this.#options
    const server = this.#makeServer(tls)
    server.maxConnections = limits.maxClients + maxRefused
    server.on('drop', () => this.#environment.dropped?.('too_many_clients'))
    this.#server = server
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.on('error', (thrown) => {
      const message = whyNot({ host, port, owner: 'the tcp source' }, thrown)
      reject(new PipelineError('CONFIG_ADDRESS', message, { cause: thrown }))
    })
    server.listen({ host, port }, resolve)
    await promise
    const address = server.address() as AddressInfo
    this.#environment.tell?.(`the tcp source listens on ${host}:${address.port}`)
    void this.#watch()
  }

  #makeServer(tls: TlsSetting | undefined): Server {
    // A client may end its side and still wait for answers.
    const options = { allowHalfOpen: true, noDelay: true, keepAlive: true }
    const settings = { ...options, keepAliveInitialDelay: keepAliveMs }
    const accept = (socket: Socket) => this.#accept(socket)
    if (tls === undefined) return createServer(settings, accept)
    const certificates = {
      cert: readText(tls.cert),
      key: readText(tls.key),
      ...(tls.ca === undefined ? {} : { ca: readText(tls.ca), requestCert: true }),
    }
    try {
      const server = createTlsServer(
        { ...settings, ...certificates, handshakeTimeout: handshakeMs },
        accept,
      )
      server.on('tlsClientError', () => this.#environment.dropped?.('refused_client'))
      return server
    } catch (thrown) {
      throw new PipelineError(
        'CONFIG_FILE',
        `tls: the certificate and key cannot be used: ${messageOf(thrown)}; both have to be PEM files that belong together`,
      )
    }
  }

  #accept(socket: Socket): void {
    const { framing, makeDecoder, replyBufferBytes } = this.#options
    const { clock, dropped } = this.#environment
    const address = socket.remoteAddress ?? ''
    this.#connections += 1
    const full = this.#count.enter(address)
    const client = new TcpClient(socket, {
      clock,
      framing,
      decoder: makeDecoder(),
      number: this.#connections,
      room: this.#room,
      answers: this.#replies.areWanted,
      maxReplyBytes: replyBufferBytes,
      ready: (ready) => this.#intake.ready(ready),
      closed: (gone) => this.#closed(gone, { address, wasCounted: full === null }),
      dropped: (drop, count) => dropped?.(drop, count),
    })
    this.#clients.add(client)
    if (full === null) return
    this.#refused += 1
    client.refuse('too_many_clients', full)
    if (this.#refused > maxRefused) client.destroy()
  }

  #closed(client: TcpClient, { address, wasCounted }: { address: string; wasCounted: boolean }) {
    this.#clients.delete(client)
    if (wasCounted) this.#count.leave(address)
    else this.#refused -= 1
    if (this.#clients.size === 0) this.#lastGone?.()
  }

  /** Finds those who are silent for too long, those who do not read, and those who do not go. */
  async #watch(): Promise<void> {
    const { clock } = this.#environment
    const { idleMs } = this.#options
    const { signal } = this.#stop
    for (;;) {
      await clock.sleep(Math.min(maxLookMs, idleMs / looksPerIdle), signal)
      if (signal.aborted) return
      for (const client of this.#clients) client.check(1_000 * idleMs)
    }
  }
}

/** Read when the source starts, so that a new certificate is taken up by a restart. */
function readText(path: FilePath): string {
  try {
    return readFileSync(path.absolute, 'utf8')
  } catch (thrown) {
    throw openError('reading', path.absolute, thrown)
  }
}
