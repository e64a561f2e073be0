import type { PipelineError } from '../../../core/errors.ts'
import type { TaskCommit } from '../../../core/log.ts'
import { unlessAborted } from '../../../core/unless-aborted.ts'
import type { PartitionOffset } from '../client/kafka-client.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { mayPass } from '../patiently.ts'
import { toPipelineError } from '../pipeline-error.ts'
import { RetryDelay } from '../retry-delay.ts'

/** Between requests: to a broker one is as much work as a batch of records, and only the last one counts. */
const storeEveryMs = 50
const retryDelays = { firstMs: 10, maxMs: 5_000 }
/** How long `close` tries: what is not stored then is only done again. */
const closeMs = 2_000
/** Brokers forget positions that nobody has stored for days, also where nothing has come to be read. */
const refreshMs = 6 * 60 * 60_000

/** So many commits may have their outputs stored and their positions not: a crash repeats no more than these. */
export const maxUnstoredCommits = 64

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
  /** Commits whose positions are not stored yet. */
  #unstored = 0
  /** Told when some of them are, or will never be. */
  #wake: (() => void) | null = null
  #woken: Promise<void> | null = null
  #running: Promise<void> | null = null
  /** Aborts when the next request is not to wait any longer. */
  #hurry = new AbortController()
  #isEnding = false

  constructor(context: KafkaContext, group: string) {
    this.#context = context
    this.#group = group
    void this.#refresh()
  }

  /**
   * @returns null when more may follow at once; else settles when it may, because some have been stored.
   * @throws PipelineError what an earlier request failed with for good, also later.
   */
  commit(next: TaskCommit['next']): Promise<void> | null {
    if (this.#failure !== null) throw this.#failure
    this.#unstored += 1
    for (const position of next) {
      this.#latest.set(keyOf(position), position)
      this.#all.set(keyOf(position), position)
    }
    this.#running ??= this.#run()
    if (this.#unstored >= maxUnstoredCommits / 2) this.#hurry.abort()
    return this.#unstored < maxUnstoredCommits ? null : this.#untilStored()
  }

  /** Once all positions are stored, or the time for it is up. */
  async close(): Promise<void> {
    this.#isEnding = true
    this.#hurry.abort()
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
    const { signal } = this.#closing
    while (this.#latest.size > 0 && this.#failure === null && !signal.aborted) {
      const positions = [...this.#latest.values()]
      const commits = this.#unstored
      this.#latest.clear()
      try {
        await unlessAborted(client.commitOffsets(this.#group, null, positions), signal)
        if (!delay.isFresh) onTrouble(null)
        delay.succeeded()
        this.#unstored -= commits
        this.#wakeAll()
        await this.#pause()
      } catch (error) {
        if (!mayPass(error)) {
          this.#failure = toPipelineError(error, `storing the positions of group ${this.#group}`)
          break
        }
        this.#keep(positions)
        onTrouble(error)
        await clock.sleep(delay.next(), signal)
      }
    }
    this.#running = null
    // Closed, or failed: nobody waits for what will not come.
    if (this.#failure !== null || signal.aborted) this.#wakeAll()
  }

  async #pause(): Promise<void> {
    if (this.#isEnding) return
    this.#hurry = new AbortController()
    await this.#context.clock.sleep(storeEveryMs, this.#hurry.signal)
  }

  async #untilStored(): Promise<void> {
    while (this.#unstored >= maxUnstoredCommits && !this.#closing.signal.aborted) {
      if (this.#failure !== null) throw this.#failure
      this.#woken ??= new Promise((resolve) => {
        this.#wake = resolve
      })
      await this.#woken
    }
  }

  #wakeAll(): void {
    this.#wake?.()
    this.#wake = null
    this.#woken = null
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
