import type { KeyedState } from '../core/operator.ts'

interface Entry<Value> {
  readonly value: Value
  readonly dueMs: number | null
}

export interface DueEntry<Value> {
  readonly key: string
  readonly value: Value
}

/** State in memory that can take back what was changed since it was last settled. */
export class UndoableState<Value> implements KeyedState<Value> {
  #entries = new Map<string, Entry<Value>>()
  /** Entries as they were when last settled; undefined where there was none. */
  readonly #before = new Map<string, Entry<Value> | undefined>()

  get(key: string): Value | undefined {
    return this.#entries.get(key)?.value
  }

  put(key: string, value: Value, dueMs?: number): void {
    this.#note(key)
    this.#entries.set(key, { value, dueMs: dueMs ?? null })
  }

  delete(key: string): void {
    this.#note(key)
    this.#entries.delete(key)
  }

  keys(): IterableIterator<string> {
    return this.#entries.keys()
  }

  get size(): number {
    return this.#entries.size
  }

  /** When an entry is due, epoch ms; null for never or where there is no entry. */
  dueMs(key: string): number | null {
    return this.#entries.get(key)?.dueMs ?? null
  }

  undo(): void {
    for (const [key, entry] of this.#before) {
      if (entry === undefined) this.#entries.delete(key)
      else this.#entries.set(key, entry)
    }
    this.#before.clear()
  }

  settle(): void {
    this.#before.clear()
  }

  /** The first entry that is due, by time and then key; it is no longer due afterwards. */
  takeDue(watermarkMs: number): DueEntry<Value> | null {
    let first: { key: string; entry: Entry<Value>; dueMs: number } | null = null
    for (const [key, entry] of this.#entries) {
      const { dueMs } = entry
      if (dueMs === null || dueMs > watermarkMs) continue
      const isEarlier =
        first === null || dueMs < first.dueMs || (dueMs === first.dueMs && key < first.key)
      if (isEarlier) first = { key, entry, dueMs }
    }
    if (first === null) return null
    const { key, entry } = first
    this.#entries.set(key, { value: entry.value, dueMs: null })
    return { key, value: entry.value }
  }

  replaceValues(replace: (value: Value) => Value): void {
    for (const [key, entry] of this.#entries) {
      this.#entries.set(key, { ...entry, value: replace(entry.value) })
    }
  }

  #note(key: string): void {
    if (!this.#before.has(key)) this.#before.set(key, this.#entries.get(key))
  }
}
