import type { Clock } from '../../core/clock.ts'
import type { ConnectionName } from '../../core/connection-name.ts'
import type { EndpointDrop } from '../../core/endpoint-drops.ts'
import { AmqpSession } from './amqp-session.ts'

export interface Reply {
  /** The queue, as the message that is answered names it. */
  readonly to: string
  readonly correlationId: string | undefined
  readonly body: Buffer
  readonly contentType: string
}

export interface RepliesOptions {
  readonly connection: ConnectionName<'rabbitmq'>
  readonly clock: Clock
  readonly dropped: (drop: EndpointDrop, count?: number) => void
}

/** Answers that wait for the server; of more the new ones are given up. */
const maxWaiting = 10_000
const maxWaitingBytes = 16 * 1024 * 1024
const pauseMs = 1_000

/**
 * Sends answers over a connection of their own: the server stops reading from connections that publish when
 * its memory is full, and with them what is acknowledged. Each is sent once at most; a queue that is not
 * there is no error.
 */
export class Replies {
  readonly #options: RepliesOptions
  readonly #closing = new AbortController()
  #session: AmqpSession | null = null
  #waiting: Reply[] = []
  #waitingBytes = 0
  #work: Promise<void> | null = null
  #wake: () => void = () => {}

  constructor(options: RepliesOptions) {
    this.#options = options
  }

  send(reply: Reply): void {
    const bytes = this.#waitingBytes + reply.body.length
    if (this.#waiting.length >= maxWaiting || bytes > maxWaitingBytes) {
      this.#options.dropped('lost_reply')
      return
    }
    this.#waiting.push(reply)
    this.#waitingBytes = bytes
    this.#work ??= this.#sendAll()
  }

  /** Sends what waits as far as the server takes it now. */
  async close(): Promise<void> {
    if (this.#session?.lost === null) this.#sendWaiting(this.#session)
    this.#closing.abort()
    this.#wake()
    await this.#work
    await this.#session?.close()
    if (this.#waiting.length > 0) this.#options.dropped('lost_reply', this.#waiting.length)
    this.#waiting = []
  }

  async #sendAll(): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#closing
    while (this.#waiting.length > 0 && !signal.aborted) {
      try {
        const session = await this.#open()
        this.#sendWaiting(session)
        // It is full, or blocked.
        if (this.#waiting.length > 0) await this.#change()
      } catch {
        // The source says that its server is away: it has the same one.
        await clock.sleep(pauseMs, signal)
      }
    }
    this.#work = null
  }

  async #open(): Promise<AmqpSession> {
    if (this.#session?.lost === null) return this.#session
    const { connection, clock, dropped } = this.#options
    const onChange = () => this.#wake()
    const purpose = 'answers'
    const options = { connection, clock, purpose, onChange }
    const session = await AmqpSession.open(options, this.#closing.signal)
    session.channel.on('return', () => dropped('unroutable_reply'))
    session.channel.on('drain', onChange)
    this.#session = session
    return session
  }

  #sendWaiting(session: AmqpSession): void {
    let sent = 0
    let hasRoom = true
    while (sent < this.#waiting.length && hasRoom && session.blocked === null) {
      const { to, correlationId, body, contentType } = this.#waiting[sent]!
      const options = { mandatory: true, persistent: false, contentType }
      try {
        hasRoom = session.channel.publish(
          '',
          to,
          body,
          correlationId === undefined ? options : { ...options, correlationId },
        )
      } catch {
        // Between the end of the connection and the event that says so.
        break
      }
      this.#waitingBytes -= body.length
      sent += 1
    }
    this.#waiting.splice(0, sent)
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      if (this.#closing.signal.aborted || this.#session?.lost !== null) resolve()
    })
  }
}
