import type { Clock } from '../../../core/clock.ts'
import type { GroupMember, KafkaClient } from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'

export interface GroupSessionOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly member: GroupMember
  readonly heartbeatMs: number
  readonly sessionTimeoutMs: number
}

/**
 * Why a member has to join again: `rebalance`: the group wants to share out anew; `lost`: it counts
 * this member out, or will, since it could not be reached; `error`: nothing but a change of the set-up helps.
 */
export type SessionEnd =
  | { readonly reason: 'rebalance' }
  | { readonly reason: 'lost'; readonly cause: KafkaError | null }
  | { readonly reason: 'error'; readonly error: unknown }

/** After a heartbeat that did not get through, the next one comes sooner by this factor. */
const hurry = 4

/**
 * Tells the group that a member lives, between two joins. It runs by the clock alone: whatever the
 * member's tasks do, and while they are being stopped, the beats go on.
 */
export class GroupSession {
  /** Settles at the first reason to join again; `rebalance` does not end the beats. */
  readonly ended: Promise<SessionEnd>
  readonly #options: GroupSessionOptions
  readonly #stopped = new AbortController()
  #resolveEnded!: (end: SessionEnd) => void
  #end: SessionEnd | null = null
  #lastContactUs: number

  constructor(options: GroupSessionOptions) {
    this.#options = options
    this.#lastContactUs = options.clock.monotonicUs()
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve
    })
    void this.#run()
  }

  /** The gravest reason to join again so far. */
  get end(): SessionEnd | null {
    return this.#end
  }

  /** When the group was last heard of, by the clock's `monotonicUs`. */
  get lastContactUs(): number {
    return this.#lastContactUs
  }

  stop(): void {
    this.#stopped.abort()
  }

  /** A heartbeat now. @returns whether the group still counts on this member, as far as is known. */
  async beat(): Promise<'alive' | 'silent' | 'over'> {
    const { client, clock, member, sessionTimeoutMs } = this.#options
    const sinceMs = (clock.monotonicUs() - this.#lastContactUs) / 1_000
    const waiting = new AbortController()
    try {
      const isAnswered = await Promise.race([
        client.heartbeat(member).then(() => true),
        clock.sleep(Math.max(0, sessionTimeoutMs - sinceMs), waiting.signal).then(() => false),
      ])
      if (isAnswered) return this.#alive()
      return this.#over({ reason: 'lost', cause: null })
    } catch (error) {
      return this.#judge(error)
    } finally {
      waiting.abort()
    }
  }

  async #run(): Promise<void> {
    const { clock, heartbeatMs } = this.#options
    const { signal } = this.#stopped
    let pauseMs = heartbeatMs
    while (!signal.aborted) {
      await clock.sleep(pauseMs, signal)
      if (signal.aborted) return
      const state = await this.beat()
      if (state === 'over') return
      pauseMs = state === 'alive' ? heartbeatMs : heartbeatMs / hurry
    }
  }

  #judge(error: unknown): 'alive' | 'silent' | 'over' {
    if (!(error instanceof KafkaError)) return this.#over({ reason: 'error', error })
    if (error.code === 'REBALANCE_IN_PROGRESS') {
      this.#end ??= { reason: 'rebalance' }
      this.#resolveEnded(this.#end)
      return this.#alive()
    }
    if (error.kind === 'rebalance') return this.#over({ reason: 'lost', cause: error })
    if (error.kind !== 'retriable' && error.kind !== 'indefinite') {
      return this.#over({ reason: 'error', error })
    }
    const { clock, sessionTimeoutMs } = this.#options
    const sinceMs = (clock.monotonicUs() - this.#lastContactUs) / 1_000
    return sinceMs < sessionTimeoutMs ? 'silent' : this.#over({ reason: 'lost', cause: error })
  }

  #alive(): 'alive' {
    this.#lastContactUs = this.#options.clock.monotonicUs()
    return 'alive'
  }

  #over(end: SessionEnd): 'over' {
    this.#end = end
    this.#resolveEnded(end)
    this.stop()
    return 'over'
  }
}
