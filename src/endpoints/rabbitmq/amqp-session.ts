import type { ChannelModel, ConfirmChannel } from 'amqplib'
import type { Clock } from '../../core/clock.ts'
import type { ConnectionName } from '../../core/connection-name.ts'
import type { PipelineError } from '../../core/errors.ts'
import type { RabbitmqConnection } from '../../core/rabbitmq-connection.ts'
import { openingError, unavailable } from './amqp-error.ts'

export interface SessionOptions {
  readonly connection: ConnectionName<'rabbitmq'>
  readonly clock: Clock
  /** What goes over the connection, for the server's management. */
  readonly purpose: string
  /** Called when `lost` or `blocked` has changed. */
  readonly onChange: () => void
}

/** How long a server may take to say goodbye. */
const closeMs = 2_000
/** Of one frame: servers agree on 128 KiB, and a longer one is of no RabbitMQ. */
const maxFrameBytes = 1024 * 1024
/** Frames that a channel takes before it says that it is full. */
const channelFrames = 16_384

/**
 * One connection with one channel, for as long as both live. It never comes back: who uses it opens another
 * one. Whatever the server does, nothing is thrown from an event.
 */
export class AmqpSession {
  /** Why it has ended; null while it lives. */
  lost: PipelineError | null = null
  /** Why the server takes no messages at the moment, in its words; null while it does. */
  blocked: string | null = null
  readonly channel: ConfirmChannel
  readonly #options: SessionOptions
  readonly #model: ChannelModel
  readonly #socket: AbortController
  #closed: Promise<void> | null = null

  /** @throws PipelineError PEER_UNAVAILABLE; PEER_REFUSED where trying again is of no use. */
  static async open(options: SessionOptions, signal: AbortSignal): Promise<AmqpSession> {
    const { connection, clock } = options
    const socket = new AbortController()
    const over = new AbortController()
    const stop = () => socket.abort()
    signal.addEventListener('abort', stop, { once: true })
    const { connectTimeoutMs } = connection.settings
    // The client's own limit begins anew with every byte that comes.
    void clock.sleep(connectTimeoutMs, over.signal).then(() => {
      if (!over.signal.aborted) stop()
    })
    try {
      const model = await connected(options, socket.signal)
      // Errors are known here, or come as a rejection: an event without a listener would end the process.
      model.on('error', () => {})
      const channel = await model.createConfirmChannel({ highWaterMark: channelFrames })
      if (socket.signal.aborted) throw new Error('the connection was closed')
      return new AmqpSession(options, { model, channel, socket })
    } catch (thrown) {
      const isLate = socket.signal.aborted && !signal.aborted
      socket.abort()
      if (isLate) throw unavailable(connection, `no answer within ${connectTimeoutMs} ms`)
      throw openingError(connection, thrown)
    } finally {
      over.abort()
      signal.removeEventListener('abort', stop)
    }
  }

  private constructor(
    options: SessionOptions,
    parts: {
      readonly model: ChannelModel
      readonly channel: ConfirmChannel
      readonly socket: AbortController
    },
  ) {
    this.#options = options
    const { model, channel, socket } = parts
    this.#model = model
    this.channel = channel
    this.#socket = socket
    const lose = (thrown?: Error) => this.lose(thrown?.message ?? 'the connection was closed')
    model.on('error', lose)
    model.on('close', lose)
    channel.on('error', lose)
    channel.on('close', () => lose())
    model.on('blocked', (reason) => this.#setBlocked(reason))
    model.on('unblocked', () => this.#setBlocked(null))
  }

  /** Ends it for a reason of the caller, or of the server; only the first one counts. */
  lose(reason: string): void {
    if (this.lost !== null) return
    this.lost = unavailable(this.#options.connection, reason)
    // Later: the client tells of an error before it closes what the error was about.
    queueMicrotask(() => void this.close())
    this.#options.onChange()
  }

  /** Waits until the server has taken what was sent, but not for long. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.lost ??= unavailable(this.#options.connection, 'the connection was closed')
    const over = new AbortController()
    // The end of the connection would overtake what the channel has still to send.
    const closed = this.#closeChannel().then(() => this.#model.close())
    const settled = closed.catch(() => {})
    await Promise.race([settled, this.#options.clock.sleep(closeMs, over.signal)])
    over.abort()
    this.#socket.abort()
  }

  async #closeChannel(): Promise<void> {
    try {
      await this.channel.close()
    } catch {
      // It has gone before.
    }
  }

  #setBlocked(reason: string | null): void {
    this.blocked = reason
    this.#options.onChange()
  }
}

async function connected(options: SessionOptions, socket: AbortSignal): Promise<ChannelModel> {
  // Runs without RabbitMQ do not load the client.
  const { connect } = await import('amqplib')
  const { settings } = options.connection
  const clientProperties = { connection_name: `${settings.connectionName} ${options.purpose}` }
  const timeout = settings.connectTimeoutMs
  const how = { ...tlsOptions(settings), noDelay: true, timeout, clientProperties, signal: socket }
  const { host, port, user, password, vhost, heartbeatMs } = settings
  return connect(
    {
      protocol: settings.tls === null ? 'amqp' : 'amqps',
      hostname: host,
      port,
      username: user,
      password,
      // The client takes it as a part of an address.
      vhost: encodeURIComponent(vhost),
      heartbeat: Math.ceil(heartbeatMs / 1_000),
      maxFrameSize: maxFrameBytes,
    },
    how,
  )
}

function tlsOptions({ tls, host }: RabbitmqConnection): object {
  if (tls === null) return {}
  const { ca, cert, key, serverName, insecureSkipVerify } = tls
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null || key === null ? {} : { cert, key }),
    servername: serverName ?? host,
    rejectUnauthorized: !insecureSkipVerify,
  }
}
