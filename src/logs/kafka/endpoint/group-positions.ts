import type { SourceSlice } from '../../../core/endpoints.ts'
import { messageOf } from '../../../core/errors.ts'
import type { JsonValue } from '../../../core/json.ts'
import type { KafkaClient } from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import type { EndpointContext } from './endpoint-context.ts'
import { partitionOffset } from './source-positions.ts'

export interface GroupPositionsOptions extends Pick<EndpointContext, 'clock' | 'notice'> {
  readonly client: KafkaClient
  readonly group: string
  /** What the user has to be allowed, where that is why it failed. */
  readonly rights: string
}

const storeEveryMs = 1_000
/** How long `close` tries to store the last ones. */
const closeMs = 2_000

/**
 * Tells a consumer group the positions that are committed, so that Kafka's tools show how far the source
 * is. Nobody reads them back: whatever fails is told once, and holds nothing up.
 */
export class GroupPositions {
  readonly #options: GroupPositionsOptions
  readonly #latest = new Map<string, JsonValue>()
  readonly #closing = new AbortController()
  #running: Promise<void> | null = null
  #trouble: string | null = null

  constructor(options: GroupPositionsOptions) {
    this.#options = options
  }

  committed(positions: SourceSlice['positions']): void {
    for (const [split, position] of positions) this.#latest.set(split, position)
    if (this.#latest.size > 0) this.#running ??= this.#run()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    const stored = this.#running ?? Promise.resolve()
    await Promise.race([stored, this.#options.clock.sleep(closeMs)])
  }

  async #run(): Promise<void> {
    const { clock } = this.#options
    while (this.#latest.size > 0) {
      const isLast = this.#closing.signal.aborted
      await this.#store()
      if (isLast) break
      // At most once a second; on closing, at once what has come since.
      await clock.sleep(storeEveryMs, this.#closing.signal)
    }
    this.#running = null
  }

  async #store(): Promise<void> {
    const { client, group } = this.#options
    const positions = [...this.#latest]
    this.#latest.clear()
    try {
      const offsets = positions.map(([split, position]) => partitionOffset(split, position))
      await client.commitOffsets(group, null, offsets)
      this.#trouble = null
    } catch (error) {
      for (const [split, position] of positions) {
        if (!this.#latest.has(split)) this.#latest.set(split, position)
      }
      this.#tell(error)
    }
  }

  /** The source itself says when the brokers are away. */
  #tell(error: unknown): void {
    const isPassing =
      error instanceof KafkaError && ['retriable', 'indefinite'].includes(error.kind)
    if (isPassing || this.#closing.signal.aborted) return
    const message = messageOf(error)
    if (message === this.#trouble) return
    this.#trouble = message
    const { notice, group } = this.#options
    notice(
      `the consumer group "${group}" does not show how far the source is: ${message}${this.#hint(error)}. The source goes on by its own positions`,
    )
  }

  #hint(error: unknown): string {
    if (!(error instanceof KafkaError)) return ''
    if (error.code.endsWith('_AUTHORIZATION_FAILED')) return `; it takes ${this.#options.rights}`
    const isUsed = error.kind === 'rebalance'
    return isUsed ? '; other consumers are members of it: give the source a group of its own' : ''
  }
}
