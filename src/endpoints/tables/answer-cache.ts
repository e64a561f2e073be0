import type { Clock } from '../../core/clock.ts'
import type { JsonValue } from '../../core/json.ts'

export interface AnswerCacheOptions {
  readonly ttlMs: number
  /** For keys that there is nothing for. */
  readonly missingTtlMs: number
  readonly maxKeys: number
}

type Answer = JsonValue | undefined

interface Kept {
  readonly answer: Answer
  /** On the monotonic clock, µs. */
  readonly untilUs: number
}

/** Answers by key for a time, those asked for least lately left out first. An error is never kept. */
export class AnswerCache {
  readonly #options: AnswerCacheOptions
  readonly #clock: Clock
  /** In the order in which they were asked for. */
  readonly #kept = new Map<string, Kept>()
  readonly #underWay = new Map<string, Promise<Answer>>()

  constructor(options: AnswerCacheOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
  }

  /** At once where the answer is known; asks once for all who want the same key meanwhile. */
  get(key: string, ask: () => Promise<Answer>): Answer | Promise<Answer> {
    const kept = this.#kept.get(key)
    if (kept !== undefined) {
      this.#kept.delete(key)
      if (kept.untilUs > this.#clock.monotonicUs()) {
        this.#kept.set(key, kept)
        return kept.answer
      }
    }
    const asked = this.#underWay.get(key) ?? this.#ask(key, ask)
    this.#underWay.set(key, asked)
    return asked
  }

  async #ask(key: string, ask: () => Promise<Answer>): Promise<Answer> {
    try {
      const answer = await ask()
      this.#keep(key, answer)
      return answer
    } finally {
      this.#underWay.delete(key)
    }
  }

  #keep(key: string, answer: Answer): void {
    const { ttlMs, missingTtlMs, maxKeys } = this.#options
    const forMs = answer === undefined ? missingTtlMs : ttlMs
    this.#kept.set(key, { answer, untilUs: this.#clock.monotonicUs() + forMs * 1_000 })
    if (this.#kept.size <= maxKeys) return
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined) this.#kept.delete(oldest)
  }
}
