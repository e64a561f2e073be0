import { PipelineError, messageOf } from '../core/errors.ts'
import type { StateChange } from '../core/log.ts'
import type { KeyedState, StateCodec } from '../core/operator.ts'
import { DueQueue } from './due-queue.ts'

interface Entry<Value> {
  value: Value
  /** NaN for never. */
  dueMs: number
  isDirty: boolean
  /** What the log keeps of it; 0 before it was ever written. */
  bytes: number
}

interface Undo<Value> {
  readonly key: string
  /** null: there was none. */
  readonly before: Omit<Entry<Value>, 'isDirty'> | null
}

/**
 * State of one step in one task: live values in memory, written as text in the commit of the slice
 * that changed them. A record that fails takes back its puts through the journal.
 */
export class TaskState<Value> implements KeyedState<Value> {
  readonly #step: string
  readonly #codec: StateCodec<Value>
  readonly #maxKeys: number
  readonly #entries = new Map<string, Entry<Value>>()
  readonly #touched = new Set<string>()
  /** The key that was read or put last: what a step absorbs or makes, it does under this key. */
  lastKey = ''
  readonly #due = new DueQueue()
  readonly #journal: Undo<Value>[] = []
  #bytes = 0

  constructor(step: string, codec: StateCodec<Value>, maxKeys: number) {
    this.#step = step
    this.#codec = codec
    this.#maxKeys = maxKeys
  }

  /** @throws PipelineError LOG_CORRUPT when a stored value cannot be read. */
  restore(change: StateChange): void {
    if (change.value === null) return
    try {
      const dueMs = change.dueMs ?? Number.NaN
      const value = this.#codec.decode(change.value)
      const bytes = storedBytes(change.key, change.value)
      this.#bytes += bytes - (this.#entries.get(change.key)?.bytes ?? 0)
      this.#entries.set(change.key, { value, dueMs, isDirty: false, bytes })
      if (!Number.isNaN(dueMs)) this.#due.push(dueMs, change.key)
    } catch (thrown) {
      throw new PipelineError(
        'LOG_CORRUPT',
        `state of the step "${this.#step}" for the key ${JSON.stringify(change.key)} cannot be read: ${messageOf(thrown)}`,
        { cause: thrown },
      )
    }
  }

  get size(): number {
    return this.#entries.size
  }

  /** Keys and values of all entries as they were written last. */
  get bytes(): number {
    return this.#bytes
  }

  keys(): IterableIterator<string> {
    return this.#entries.keys()
  }

  get(key: string): Value | undefined {
    this.lastKey = key
    return this.#entries.get(key)?.value
  }

  put(key: string, value: Value, dueMs: number = Number.NaN): void {
    this.lastKey = key
    const entry = this.#entries.get(key)
    if (entry === undefined) {
      if (this.#entries.size >= this.#maxKeys) this.#refuse()
      this.#journal.push({ key, before: null })
      this.#entries.set(key, { value, dueMs, isDirty: true, bytes: 0 })
      this.#touched.add(key)
      if (!Number.isNaN(dueMs)) this.#due.push(dueMs, key)
      return
    }
    // An operator that changes a value in place and puts it again has nothing to take back.
    if (entry.value !== value || !Object.is(entry.dueMs, dueMs)) {
      this.#remember(key, entry)
      if (!Object.is(entry.dueMs, dueMs) && !Number.isNaN(dueMs)) this.#due.push(dueMs, key)
      entry.value = value
      entry.dueMs = dueMs
    }
    if (!entry.isDirty) {
      entry.isDirty = true
      this.#touched.add(key)
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#remember(key, entry)
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
    this.#touched.add(key)
  }

  /** The first due time, which may be of an entry that has changed since: Infinity where there is none. */
  get nextDueMs(): number {
    return this.#due.nextMs
  }

  /** Takes the next key whose entry is due at `watermarkMs`; null where there is none. */
  takeDue(watermarkMs: number): string | null {
    while (this.#due.nextMs <= watermarkMs) {
      const dueMs = this.#due.nextMs
      const key = this.#due.pop()
      // An entry whose due time went and came back stands in the queue twice, side by side.
      while (this.#due.nextMs === dueMs && this.#due.nextKey === key) this.#due.pop()
      if (this.#entries.get(key)?.dueMs === dueMs) return key
    }
    return null
  }

  /** Keeps what the record did. */
  accept(): void {
    this.#journal.length = 0
  }

  /** How much was done since the last `accept`, for `rollBack`. */
  get mark(): number {
    return this.#journal.length
  }

  /** Takes back what was done since the mark; by default since the last `accept`. */
  rollBack(mark = 0): void {
    for (const { key, before } of this.#journal.slice(mark).toReversed()) {
      this.#touched.add(key)
      this.#bytes += (before?.bytes ?? 0) - (this.#entries.get(key)?.bytes ?? 0)
      if (before === null) this.#entries.delete(key)
      else this.#entries.set(key, { ...before, isDirty: true })
    }
    this.#journal.length = mark
  }

  /** What changed since the last call, encoded. */
  takeChanges(): StateChange[] {
    const changes: StateChange[] = []
    for (const key of this.#touched) {
      const entry = this.#entries.get(key)
      if (entry === undefined) {
        changes.push({ step: this.#step, key, value: null, dueMs: null })
        continue
      }
      const value = this.#codec.encode(entry.value)
      const bytes = storedBytes(key, value)
      this.#bytes += bytes - entry.bytes
      entry.bytes = bytes
      entry.isDirty = false
      const dueMs = Number.isNaN(entry.dueMs) ? null : entry.dueMs
      changes.push({ step: this.#step, key, value, dueMs })
    }
    this.#touched.clear()
    return changes
  }

  #remember(key: string, { value, dueMs, bytes }: Entry<Value>): void {
    this.#journal.push({ key, before: { value, dueMs, bytes } })
  }

  #refuse(): never {
    throw new PipelineError(
      'STATE_FULL',
      `the step "${this.#step}" already holds ${this.#maxKeys} keys; raise \`state.max_keys\` of the stage, or let keys expire sooner`,
    )
  }
}

function storedBytes(key: string, value: string): number {
  return Buffer.byteLength(key) + Buffer.byteLength(value)
}
