import type { PipelineError } from '../../../core/errors.ts'
import type { TaskCommit } from '../../../core/log.ts'
import type { PartitionOffset } from '../client/kafka-client.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { mayPass } from '../patiently.ts'
import { toPipelineError } from '../pipeline-error.ts'
import { RetryDelay } from '../retry-delay.ts'

const retryDelays = { firstMs: 10, maxMs: 5_000 }
/** How long `close` tries: what is not stored then is only done again. */
const closeMs = 3_000
/** Brokers forget positions that nobody has stored for days, also where nothing has come to be read. */
const refreshMs = 6 * 60 * 60_000

/** Stores the positions of one task, the latest ones, one request at a time. */
export class OffsetCommitter {
  readonly #context: KafkaContext
  readonly #group: string
  /** What is to be stored. */
  readonly #latest = new Map<string, PartitionOffset>()
  /** What was stored last, or will be. */
  readonly #all = new Map<string, PartitionOffset>()
  readonly #closing = new AbortController()
  #failure: PipelineError | null = null
  #running: Promise<void> | null = null

  constructor(context: KafkaContext, group: string) {
    this.#context = context
    this.#group = group
    void this.#refresh()
  }

  /** @throws PipelineError what an earlier request failed with for good. */
  commit(next: TaskCommit['next']): void {
    if (this.#failure !== null) throw this.#failure
    for (const position of next) {
      this.#latest.set(keyOf(position), position)
      this.#all.set(keyOf(position), position)
    }
    this.#running ??= this.#run()
  }

  /** Once all positions are stored, or the time for it is up. */
  async close(): Promise<void> {
    const waiting = new AbortController()
    const givingUp = this.#context.clock.sleep(closeMs, waiting.signal).then(() => {
      this.#closing.abort()
    })
    await this.#running
    waiting.abort()
    await givingUp
    this.#closing.abort()
    if (this.#failure !== null) throw this.#failure
  }

  async #run(): Promise<void> {
    const { client, clock, random, onTrouble } = this.#context
    const delay = new RetryDelay(retryDelays, random)
    while (this.#latest.size > 0 && this.#failure === null && !this.#closing.signal.aborted) {
      const positions = [...this.#latest.values()]
      this.#latest.clear()
      try {
        await client.commitOffsets(this.#group, null, positions)
        if (!delay.isFresh) onTrouble(null)
        delay.succeeded()
      } catch (error) {
        if (!mayPass(error)) {
          this.#failure = toPipelineError(error, `storing the positions of group ${this.#group}`)
          break
        }
        this.#keep(positions)
        onTrouble(error)
        await clock.sleep(delay.next(), this.#closing.signal)
      }
    }
    this.#running = null
  }

  /** For the next request, unless there are newer ones. */
  #keep(positions: readonly PartitionOffset[]): void {
    for (const position of positions) {
      const key = keyOf(position)
      if (!this.#latest.has(key)) this.#latest.set(key, position)
    }
  }

  async #refresh(): Promise<void> {
    const { clock } = this.#context
    const { signal } = this.#closing
    while (!signal.aborted) {
      await clock.sleep(refreshMs, signal)
      if (signal.aborted || this.#failure !== null) return
      this.#keep([...this.#all.values()])
      if (this.#latest.size > 0) this.#running ??= this.#run()
    }
  }
}

function keyOf({ topic, partition }: PartitionOffset): string {
  return `${topic}/${partition}`
}
