import type { ConnectionName } from '../../../core/connection-name.ts'
import type { KafkaConnection } from '../../../core/kafka-connection.ts'
import { connectKafka } from '../client/connect-kafka.ts'
import type { KafkaClient } from '../client/kafka-client.ts'
import type { EndpointContext } from './endpoint-context.ts'

export interface ClientLease {
  readonly client: KafkaClient
  /** Whoever is last ends the connections. */
  release(): Promise<void>
}

interface Shared {
  readonly client: Promise<KafkaClient>
  users: number
}

const clientId = 'millrace'
/** Shorter than a run has to stop. */
const connectTimeoutMs = 5_000

/** One client for each cluster, for all sources and sinks of the process that use it. */
export class SharedClients {
  readonly #context: EndpointContext
  readonly #clients = new Map<KafkaConnection, Shared>()
  /** Notices that were given: every attempt to connect would repeat them. */
  readonly #told = new Set<string>()

  constructor(context: EndpointContext) {
    this.#context = context
  }

  /** @throws KafkaError as `connectKafka`; the next call tries anew. */
  async lease(connection: ConnectionName<'kafka'>): Promise<ClientLease> {
    const shared = this.#clients.get(connection.settings) ?? this.#connect(connection)
    shared.users += 1
    try {
      const client = await shared.client
      return { client, release: () => this.#release(connection.settings, shared) }
    } catch (error) {
      if (this.#clients.get(connection.settings) === shared)
        this.#clients.delete(connection.settings)
      throw error
    }
  }

  #connect({ name, settings }: ConnectionName<'kafka'>): Shared {
    const { clock, mask } = this.#context
    const nameSetting = (setting: string) => `"connections.${name}.kafka.${setting}"`
    const notice = (message: string) => this.#tell(message)
    const names = { clientId, nameSetting }
    const client = connectKafka({ ...settings, ...names, clock, notice, mask, connectTimeoutMs })
    const shared = { client, users: 0 }
    this.#clients.set(settings, shared)
    return shared
  }

  #tell(message: string): void {
    if (this.#told.has(message)) return
    this.#told.add(message)
    this.#context.notice(message)
  }

  async #release(connection: KafkaConnection, shared: Shared): Promise<void> {
    shared.users -= 1
    if (shared.users > 0) return
    if (this.#clients.get(connection) === shared) this.#clients.delete(connection)
    await (await shared.client).close()
  }
}
