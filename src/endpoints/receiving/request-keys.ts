import type { JsonValue } from '../../core/json.ts'

/** What was accepted under an `Idempotency-Key`. */
export interface AcceptedKey {
  /** Epoch ms. */
  readonly atMs: number
  readonly records: number
  /** Of the body: the same key with another body is a mistake of the client. */
  readonly fingerprint: string
}

export interface RequestKeysOptions {
  readonly ttlMs: number
  /** More than that are forgotten, the oldest first. */
  readonly maxKeys: number
}

/** Keys forgotten in one commit, so that none grows large by them. */
const maxForgotten = 1_000
const prefix = 'key:'

/**
 * The keys of requests whose records were committed, from the oldest on. They are kept as positions of the
 * source, and so in the same commit as the records.
 */
export class RequestKeys {
  readonly #options: RequestKeysOptions
  readonly #accepted = new Map<string, AcceptedKey>()

  constructor(options: RequestKeysOptions, positions: ReadonlyMap<string, JsonValue>) {
    this.#options = options
    const stored = [...positions].flatMap(([split, position]) => {
      const accepted = split.startsWith(prefix) ? acceptedOf(position) : null
      return accepted === null ? [] : [[split.slice(prefix.length), accepted] as const]
    })
    for (const [key, accepted] of stored.toSorted(([, one], [, other]) => one.atMs - other.atMs))
      this.#accepted.set(key, accepted)
  }

  get(key: string, nowMs: number): AcceptedKey | undefined {
    const accepted = this.#accepted.get(key)
    return accepted !== undefined && this.#isOver(accepted, nowMs) ? undefined : accepted
  }

  /** To be called once its records are committed. */
  add(key: string, accepted: AcceptedKey): void {
    this.#accepted.delete(key)
    this.#accepted.set(key, accepted)
  }

  /** What a commit has to keep of it. */
  position(key: string, { atMs, records, fingerprint }: AcceptedKey): [string, JsonValue] {
    return [`${prefix}${key}`, [atMs, records, fingerprint]]
  }

  /** Forgets what is old or too much; what a commit has to forget with it. */
  forget(nowMs: number): [string, JsonValue][] {
    const forgotten: [string, JsonValue][] = []
    for (const [key, accepted] of this.#accepted) {
      const isTooMuch = this.#accepted.size > this.#options.maxKeys
      if (forgotten.length === maxForgotten || !(isTooMuch || this.#isOver(accepted, nowMs))) break
      this.#accepted.delete(key)
      forgotten.push([`${prefix}${key}`, null])
    }
    return forgotten
  }

  #isOver({ atMs }: AcceptedKey, nowMs: number): boolean {
    return nowMs - atMs > this.#options.ttlMs
  }
}

function acceptedOf(position: JsonValue): AcceptedKey | null {
  if (!Array.isArray(position)) return null
  const [atMs, records, fingerprint] = position
  return typeof atMs === 'number' && typeof records === 'number' && typeof fingerprint === 'string'
    ? { atMs, records, fingerprint }
    : null
}
