import type {
  KafkaSourceOptions,
  ReadRequest,
  Source,
  SourceSlice,
} from '../../../core/endpoints.ts'
import { endpointError, type EndpointContext } from './endpoint-context.ts'
import { findTopics } from './find-topics.ts'
import { GroupPositions } from './group-positions.ts'
import { OpenPartitions } from './open-partitions.ts'
import { unlessAborted } from '../../../core/unless-aborted.ts'
import type { ClientLease, SharedClients } from './shared-clients.ts'

/** The partitions of some topics as a source; its positions are the caller's to keep. */
export class KafkaTopicSource implements Source {
  readonly #options: KafkaSourceOptions
  readonly #context: EndpointContext
  readonly #clients: SharedClients
  #lease: ClientLease | null = null
  #open: OpenPartitions | null = null
  #group: GroupPositions | null = null

  constructor(options: KafkaSourceOptions, context: EndpointContext, clients: SharedClients) {
    this.#options = options
    this.#context = context
    this.#clients = clients
  }

  async read(request: ReadRequest): Promise<SourceSlice | null> {
    const { connection } = this.#options
    try {
      this.#open ??= await this.#begin(request.signal)
      return this.#open === null ? null : await this.#open.read(request)
    } catch (thrown) {
      throw endpointError(thrown, connection, this.#rights())
    }
  }

  committed(positions: SourceSlice['positions']): void {
    this.#group?.committed(positions)
  }

  lag(): number {
    return this.#open?.lag() ?? 0
  }

  async close(): Promise<void> {
    this.#open?.close()
    await this.#group?.close()
    await this.#lease?.release()
    this.#open = null
    this.#group = null
    this.#lease = null
  }

  /** null when the signal has aborted. */
  async #begin(signal: AbortSignal): Promise<OpenPartitions | null> {
    const { connection, topics, group } = this.#options
    const { clock, notice } = this.#context
    this.#lease ??= await this.#connect(signal)
    if (this.#lease === null) return null
    const { client } = this.#lease
    const wanted = { connection, topics, setting: 'topics' }
    const found = await findTopics({ client, clock }, wanted, signal)
    if (found === null) return null
    const open = await OpenPartitions.begin(found, {
      client,
      context: this.#context,
      source: this.#options,
      signal,
    })
    if (open !== null && group !== null) {
      const rights = `the right Read on the group "${group}"`
      this.#group = new GroupPositions({ client, clock, notice, group, rights })
    }
    return open
  }

  /** null when the signal has aborted. */
  async #connect(signal: AbortSignal): Promise<ClientLease | null> {
    const leasing = this.#clients.lease(this.#options.connection)
    const lease = await unlessAborted(leasing, signal)
    if (lease === null) {
      // What comes too late is given back.
      leasing.then(
        (late) => late.release(),
        () => {},
      )
    }
    return lease
  }

  #rights(): string {
    const names = this.#options.topics.map((topic) => `"${topic}"`).join(', ')
    return `the rights Describe and Read on ${this.#options.topics.length === 1 ? 'the topic' : 'the topics'} ${names}`
  }
}
