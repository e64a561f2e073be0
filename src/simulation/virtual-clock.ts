import type { Clock } from '../core/clock.ts'

/**
 * Turns of the event loop that woken code gets before time moves on: enough for a chain of a few
 * `setImmediate` hops; whole chains of promises run within one turn.
 */
const turnsPerStep = 4

interface Sleeper {
  readonly dueMs: number
  readonly wake: () => void
}

/** A clock that stands still until `advance` is called; 2026-01-01T00:00:00Z at first. */
export class VirtualClock implements Clock {
  #nowMs: number
  /** In order of due time; those of one time in the order in which they fell asleep. */
  readonly #sleepers: Sleeper[] = []

  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs
  }

  wallMs(): number {
    return Math.floor(this.#nowMs)
  }

  monotonicUs(): number {
    return this.#nowMs * 1_000
  }

  /** Sleepers that wait for time to pass, those without end included. */
  get pending(): number {
    return this.#sleepers.length
  }

  /** A sleep of 0 or less ends in the next turn of the event loop; no time needs to pass for it. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve()
    if (!(durationMs > 0)) return nextTurn()
    return new Promise((resolve) => {
      const wake = () => {
        signal?.removeEventListener('abort', cancel)
        resolve()
      }
      const sleeper = { dueMs: this.#nowMs + durationMs, wake }
      const cancel = () => {
        this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1)
        resolve()
      }
      signal?.addEventListener('abort', cancel, { once: true })
      this.#insert(sleeper)
    })
  }

  /**
   * Lets `durationMs` pass: wakes each sleeper at its own time, in order, and lets what it woke run
   * (and fall asleep again, possibly within the same span) before time moves on.
   */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs
    await settle()
    for (;;) {
      const [next] = this.#sleepers
      if (next === undefined || next.dueMs > endMs) break
      this.#nowMs = next.dueMs
      this.#wakeDue()
      await settle()
    }
    this.#nowMs = endMs
    await settle()
  }

  #wakeDue(): void {
    while (this.#sleepers[0] !== undefined && this.#sleepers[0].dueMs <= this.#nowMs) {
      this.#sleepers.shift()!.wake()
    }
  }

  #insert(sleeper: Sleeper): void {
    const after = this.#sleepers.findIndex((other) => other.dueMs > sleeper.dueMs)
    this.#sleepers.splice(after === -1 ? this.#sleepers.length : after, 0, sleeper)
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < turnsPerStep; turn++) await nextTurn()
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
