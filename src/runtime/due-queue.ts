/** Keys by due time (epoch ms), earliest first, keys of one time in their own order: a binary heap. */
export class DueQueue {
  readonly #times: number[] = []
  readonly #keys: string[] = []

  /** Infinity where nothing is due ever. */
  get nextMs(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY
  }

  /** undefined where nothing is due ever. */
  get nextKey(): string | undefined {
    return this.#keys[0]
  }

  push(dueMs: number, key: string): void {
    let at = this.#times.length
    this.#times.push(dueMs)
    this.#keys.push(key)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(at, parent)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  /** Removes the first entry and returns its key. */
  pop(): string {
    const first = this.#keys[0]!
    const lastTime = this.#times.pop()!
    const lastKey = this.#keys.pop()!
    if (this.#times.length > 0) {
      this.#times[0] = lastTime
      this.#keys[0] = lastKey
      this.#sink()
    }
    return first
  }

  #sink(): void {
    const count = this.#times.length
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      if (left >= count) return
      const right = left + 1
      const child = right < count && this.#isBefore(right, left) ? right : left
      if (!this.#isBefore(child, at)) return
      this.#swap(child, at)
      at = child
    }
  }

  #isBefore(a: number, b: number): boolean {
    const timeA = this.#times[a]!
    const timeB = this.#times[b]!
    return timeA < timeB || (timeA === timeB && this.#keys[a]! < this.#keys[b]!)
  }

  #swap(a: number, b: number): void {
    const time = this.#times[a]!
    const key = this.#keys[a]!
    this.#times[a] = this.#times[b]!
    this.#keys[a] = this.#keys[b]!
    this.#times[b] = time
    this.#keys[b] = key
  }
}
