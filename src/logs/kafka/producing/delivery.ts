/**
 * The batches of one `send`, until all are acknowledged. A failure is told at once; the batches that
 * the producer has taken on by then may still be written.
 */
export class Delivery {
  readonly done: Promise<void>
  #left: number
  #isOver = false
  #resolve!: () => void
  #reject!: (error: unknown) => void

  /** @param parts how often `delivered` has to be called. */
  constructor(parts: number) {
    this.#left = parts
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    if (parts === 0) this.#resolve()
  }

  /** Whether nobody waits any more: batches that were not sent yet need not be. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** One part has become several. */
  divided(parts: number): void {
    this.#left += parts - 1
  }

  delivered(): void {
    this.#left -= 1
    if (this.#left === 0) this.#resolve()
  }

  failed(error: unknown): void {
    this.#isOver = true
    this.#reject(error)
  }
}
