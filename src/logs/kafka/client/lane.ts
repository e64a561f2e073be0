import {
  type BrokerAddress,
  BrokerConnection,
  type ConnectionOptions,
} from './broker-connection.ts'
import { KafkaError } from './kafka-error.ts'
import type { ProtocolRequest } from './protocol-request.ts'

/** Brokers close connections that were idle for 10 minutes; a request that meets that is indefinite. */
const maxIdleUs = 9 * 60 * 1_000_000
const minReconnectMs = 50
const maxReconnectMs = 1_000

/**
 * One connection at a time to one broker, made when it is needed. A broker answers the requests of a
 * connection one after the other, also those that it lets wait: what must not wait for each other
 * goes on lanes of its own.
 */
export class Lane {
  readonly #address: BrokerAddress
  readonly #options: ConnectionOptions
  readonly #closing = new AbortController()
  #connection: BrokerConnection | null = null
  #opening: Promise<BrokerConnection> | null = null
  #failures = 0

  constructor(address: BrokerAddress, options: ConnectionOptions) {
    this.#address = address
    this.#options = options
  }

  get isOpen(): boolean {
    return this.#connection?.isOpen ?? false
  }

  /** Sent in the order of the calls, as long as they are requests of one kind. */
  async send<Answer>(request: ProtocolRequest<Answer>): Promise<Answer> {
    if (this.#opening === null || !this.#isUsable()) this.#opening = this.#open()
    const connection = await this.#opening
    return connection.exchange(request)
  }

  close(): void {
    this.#closing.abort()
    this.#connection?.close(closed())
  }

  #isUsable(): boolean {
    const connection = this.#connection
    // null: it is just being made.
    if (connection === null) return true
    if (!connection.isOpen) return false
    const idleUs = this.#options.clock.monotonicUs() - connection.usedUs
    if (idleUs < maxIdleUs || connection.pending > 0) return true
    connection.close(null)
    return false
  }

  async #open(): Promise<BrokerConnection> {
    this.#connection = null
    try {
      await this.#waitAfterFailures()
      const connection = new BrokerConnection(this.#address, this.#options)
      const stop = () => connection.close(closed())
      this.#closing.signal.addEventListener('abort', stop)
      try {
        await connection.open()
      } finally {
        this.#closing.signal.removeEventListener('abort', stop)
      }
      this.#connection = connection
      if (this.#closing.signal.aborted) connection.close(closed())
      this.#failures = 0
      return connection
    } catch (error) {
      this.#failures++
      this.#opening = null
      throw this.#closing.signal.aborted ? closed() : error
    }
  }

  /** A caller that tries again at once does not keep the machine busy. */
  async #waitAfterFailures(): Promise<void> {
    const { signal } = this.#closing
    if (this.#failures > 0) {
      const waitMs = Math.min(minReconnectMs * 2 ** (this.#failures - 1), maxReconnectMs)
      await this.#options.clock.sleep(waitMs, signal)
    }
    if (signal.aborted) throw closed()
  }
}

export function closed(): KafkaError {
  return new KafkaError({ code: 'CLOSED', kind: 'fatal' }, 'the Kafka client has been closed')
}
