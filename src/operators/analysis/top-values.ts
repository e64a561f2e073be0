import { copyJson } from '../../core/copy-json.ts'
import { invariant } from '../../core/errors.ts'
import type { JsonValue } from '../../core/json.ts'
import { savedNumber } from './exact-sum.ts'
import { canonicalJson } from './plain-json.ts'

/** While a group has seen at most so many different values, its counts are exact. */
export const maxExactTopValues = 2_000

interface Entry {
  readonly text: string
  readonly value: JsonValue
  count: number
}

/**
 * Counts by value. Above `maxExactTopValues` different values the rarer half is forgotten: a value
 * that comes back starts again from 0, so that counts may then be too low, never too high.
 */
export class TopValues {
  readonly #entries = new Map<string, Entry>()

  add(value: JsonValue): void {
    const text = canonicalJson(value)
    const entry = this.#entries.get(text)
    if (entry !== undefined) entry.count += 1
    else {
      this.#entries.set(text, { text, value, count: 1 })
      if (this.#entries.size > maxExactTopValues) this.#forget()
    }
  }

  /** The most frequent values with their counts; of equal counts in the order of their JSON text. */
  top(k: number): JsonValue {
    return this.#ranked()
      .slice(0, k)
      .map(({ value, count }) => ({ value: copyJson(value), count }))
  }

  save(): JsonValue {
    return [...this.#entries.values()].map(({ value, count }) => [value, count])
  }

  static load(saved: JsonValue | undefined): TopValues {
    invariant(Array.isArray(saved), 'saved counts are a list')
    const loaded = new TopValues()
    for (const pair of saved) {
      invariant(Array.isArray(pair) && pair.length === 2, 'a saved count is a pair')
      const text = canonicalJson(pair[0]!)
      loaded.#entries.set(text, { text, value: pair[0]!, count: savedNumber(pair[1]) })
    }
    return loaded
  }

  #ranked(): Entry[] {
    return [...this.#entries.values()].toSorted(
      (a, b) => b.count - a.count || (a.text < b.text ? -1 : 1),
    )
  }

  #forget(): void {
    for (const { text } of this.#ranked().slice(maxExactTopValues / 2)) this.#entries.delete(text)
  }
}
