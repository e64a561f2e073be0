import { Socket } from 'node:net'
import { checkServerIdentity, type ConnectionOptions } from 'node:tls'
import pg from 'pg'
import type { Clock } from '../../core/clock.ts'
import type { ConnectionName } from '../../core/connection-name.ts'
import { isLoopback, type ConnectionTls } from '../../core/connection-tls.ts'
import type { PostgresConnection } from '../../core/postgres-connection.ts'
import { postgresError } from './postgres-error.ts'

export interface SessionOptions {
  readonly connection: ConnectionName<'postgres'>
  readonly clock: Clock
  /** How long the server may take for one piece of work, ms. */
  readonly timeoutMs: number
}

/** A row by its columns as the server writes them; null where there is none. */
export type TextRow = readonly (string | null)[]

export interface TextResult {
  readonly rows: readonly TextRow[]
  readonly columns: readonly { readonly name: string; readonly typeId: number }[]
  readonly count: number
}

/** Values come as text: what they are is for the reader to say, and nothing is rounded on the way. */
const asText = { getTypeParser: () => (text: string) => text }

const keepAliveMs = 10_000
/** What the server gets to give up by itself, before the connection is cut. */
const graceMs = 2_000

/** One connection to a server, for one piece of work at a time. Lost once anything but the server's word ends a piece. */
export class PostgresSession {
  readonly #options: SessionOptions
  readonly #client: pg.Client
  readonly #socket: Socket
  #cutReason: string | null = null
  #isLost = false

  private constructor(options: SessionOptions, socket: Socket) {
    this.#options = options
    this.#socket = socket
    this.#client = clientOf(options.connection.settings, socket)
    // The piece of work at hand is told by its promise; between two of them the next one is.
    this.#client.on('error', () => (this.#isLost = true))
    this.#client.on('end', () => (this.#isLost = true))
  }

  /** @throws PipelineError PEER_UNAVAILABLE, PEER_REFUSED */
  static async open(options: SessionOptions, signal: AbortSignal): Promise<PostgresSession> {
    const session = new PostgresSession(options, new Socket())
    const { connectTimeoutMs } = options.connection.settings
    await session.#within(connectTimeoutMs, 'connecting', signal, () => session.#client.connect())
    return session
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /**
   * Does a piece of work with `query`, which must not be called outside of one. When the signal aborts, or
   * the server takes longer than it may, the connection is cut.
   * @param doing what it is, in the words of messages.
   * @throws PipelineError PEER_UNAVAILABLE, PEER_REFUSED; errors of the server as they are where `work` lets them through.
   */
  async run<Result>(
    doing: string,
    signal: AbortSignal,
    work: (session: this) => Promise<Result>,
  ): Promise<Result> {
    return this.#within(this.#options.timeoutMs + graceMs, doing, signal, () => work(this))
  }

  /** @throws DatabaseError, and what a lost connection throws; `run` translates both. */
  async query(text: string, values: readonly unknown[] = []): Promise<TextResult> {
    const result = await this.#client.query<(string | null)[]>({
      text,
      values: [...values],
      rowMode: 'array',
      types: asText,
    })
    return {
      rows: result.rows,
      columns: result.fields.map(({ name, dataTypeID }) => ({ name, typeId: dataTypeID })),
      count: result.rowCount ?? 0,
    }
  }

  /** Several statements without values; their results are not wanted. */
  async execute(text: string): Promise<void> {
    await this.#client.query(text)
  }

  /** Says goodbye where there is somebody to say it to. */
  async close(): Promise<void> {
    if (this.#isLost) {
      this.#socket.destroy()
      return
    }
    this.#isLost = true
    const over = new AbortController()
    const ended = this.#client.end().catch(() => {})
    await Promise.race([ended, this.#options.clock.sleep(graceMs, over.signal)])
    over.abort()
    this.#socket.destroy()
  }

  async #within<Result>(
    limitMs: number,
    doing: string,
    signal: AbortSignal,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const { clock, connection } = this.#options
    const over = new AbortController()
    const stop = () => this.#cut('it was to stop')
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    void clock.sleep(limitMs, over.signal).then(() => {
      if (!over.signal.aborted) this.#cut(`there was no answer within ${limitMs} ms`)
    })
    try {
      return await work()
    } catch (thrown) {
      if (!(thrown instanceof pg.DatabaseError)) this.#isLost = true
      const reason = this.#cutReason === null ? thrown : new Error(this.#cutReason)
      throw postgresError(reason, connection, doing)
    } finally {
      over.abort()
      signal.removeEventListener('abort', stop)
    }
  }

  #cut(reason: string): void {
    this.#cutReason ??= reason
    this.#isLost = true
    this.#socket.destroy(new Error(reason))
  }
}

function clientOf(settings: PostgresConnection, socket: Socket): pg.Client {
  const { host, port, database, user, tls, applicationName } = settings
  let isPlaintextAsked = false
  const client = new pg.Client({
    host,
    port,
    database,
    user,
    // Always given: variables such as PGPASSWORD are for other programs.
    password: () => passwordFor(settings, isPlaintextAsked),
    ssl: tls === null ? false : tlsOptions(tls),
    stream: () => socket,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
    application_name: applicationName,
  })
  client.connection.prependListener('authenticationCleartextPassword', () => {
    isPlaintextAsked = true
  })
  return client
}

function passwordFor(settings: PostgresConnection, isPlaintextAsked: boolean): string {
  const { password, tls, host, allowPlaintextPassword } = settings
  if (password === null) {
    throw new Error('the server asks for a password: the connection has none')
  }
  const reveals = isPlaintextAsked && tls === null && !isLoopback(host)
  if (!reveals || allowPlaintextPassword) return password
  throw new Error(
    'the server asks for the password itself, which would go unencrypted: use "tls: true", or have the server ask by scram-sha-256; "allow_plaintext_password: true" allows it all the same',
  )
}

function tlsOptions(tls: ConnectionTls): ConnectionOptions {
  const { ca, cert, key, serverName, insecureSkipVerify } = tls
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null || key === null ? {} : { cert, key }),
    rejectUnauthorized: !insecureSkipVerify,
    ...(serverName === null
      ? {}
      : {
          checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
        }),
  }
}
