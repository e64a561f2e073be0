/** Somebody who holds bytes of messages that are not whole yet. */
export interface Holder {
  /** Bytes held. */
  readonly held: number
  /** There is room again. */
  resume(): void
  /** There is no room, and nobody else can make any. */
  evict(): void
}

/**
 * The memory that all clients of a source share for what they have sent and nobody has taken yet. Where
 * it is full nobody is read from until messages are taken; where nothing can be taken, because only
 * parts of messages fill it, who holds the most has to go.
 */
export class Room {
  readonly #maxBytes: number
  /** Whether messages wait to be taken, so that room will come. */
  readonly #hasWaiting: () => boolean
  readonly #holders = new Set<Holder>()
  readonly #waiting = new Set<Holder>()
  #used = 0

  constructor(maxBytes: number, hasWaiting: () => boolean) {
    this.#maxBytes = maxBytes
    this.#hasWaiting = hasWaiting
  }

  get used(): number {
    return this.#used
  }

  enter(holder: Holder): void {
    this.#holders.add(holder)
  }

  leave(holder: Holder): void {
    this.#holders.delete(holder)
    this.#waiting.delete(holder)
  }

  /** @returns whether the holder may go on reading; else `resume` is called when it may. */
  changed(holder: Holder, delta: number): boolean {
    this.#used += delta
    if (this.#used <= this.#maxBytes) {
      if (delta < 0 && this.#waiting.size > 0) this.#resumeAll()
      return true
    }
    if (delta <= 0) return true
    this.relieve()
    if (this.#used <= this.#maxBytes) return true
    this.#waiting.add(holder)
    return false
  }

  /** Makes room where nobody else will. */
  relieve(): void {
    if (this.#used <= this.#maxBytes || this.#hasWaiting()) return
    while (this.#used > this.#maxBytes && this.#evictLargest());
    this.#resumeAll()
  }

  #resumeAll(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const holder of waiting) holder.resume()
  }

  #evictLargest(): boolean {
    let largest: Holder | null = null
    for (const holder of this.#holders)
      if (largest === null || holder.held > largest.held) largest = holder
    if (largest === null || largest.held === 0) return false
    largest.evict()
    return true
  }
}
