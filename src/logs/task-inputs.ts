import type { PullRequest, SliceBatch, TaskCommit } from '../core/log.ts'
import { invariant } from '../core/errors.ts'
import type { PullWaiters } from './pull-waiters.ts'
import { assertPositionKept, unlimitedRoom, type StoredPartition } from './stored-partition.ts'

export interface TaskInputsOptions {
  readonly partitions: readonly StoredPartition[]
  /** Next offset to read, by partition. */
  readonly positions: readonly bigint[]
  readonly waiters: PullWaiters
  /** Throws once the log is broken. */
  readonly assertUsable: () => void
}

/** Where a task stands in its inputs, and how it chooses among them: a batch of each in turn. */
export class TaskInputs {
  readonly #options: TaskInputsOptions
  readonly #next: bigint[]
  readonly #committed: bigint[]
  #turn = 0
  #isClosed = false
  #isPulling = false

  constructor(options: TaskInputsOptions) {
    invariant(options.partitions.length === options.positions.length, 'a position per input')
    this.#options = options
    this.#next = [...options.positions]
    this.#committed = [...options.positions]
  }

  /** As of the last commit. */
  get positions(): readonly bigint[] {
    return this.#committed
  }

  /** To be called with the new positions of every commit, in order. */
  committed(next: TaskCommit['next']): void {
    for (const { topic, partition, offset } of next) {
      const index = this.#options.partitions.findIndex(
        (input) => input.topic === topic && input.partition === partition,
      )
      if (index !== -1) this.#committed[index] = offset
    }
  }

  async pull(request: PullRequest): Promise<readonly SliceBatch[] | null> {
    invariant(!this.#isPulling, 'a task has one pull at a time')
    this.#isPulling = true
    try {
      const ready = this.#take(request)
      if (ready.length > 0) return ready
      await this.#options.waiters.until({
        isOver: () => this.#isClosed || this.#hasRecords() || this.#isBroken(),
        waitMs: request.waitMs,
        signal: request.signal,
      })
      const batches = this.#take(request)
      return batches.length > 0 ? batches : null
    } finally {
      this.#isPulling = false
    }
  }

  lag(): number[] {
    return this.#options.partitions.map((input, index) => Number(input.end - this.#next[index]!))
  }

  /** Lets a waiting pull return null. */
  close(): void {
    this.#isClosed = true
    this.#options.waiters.wakeReady()
  }

  #take({ maxRecords, maxBytes, signal }: PullRequest): SliceBatch[] {
    this.#options.assertUsable()
    const batches: SliceBatch[] = []
    if (this.#isClosed || signal.aborted) return batches
    const { partitions } = this.#options
    let records = 0
    let bytes = 0
    let emptyInRow = 0
    while (emptyInRow < partitions.length) {
      const input = partitions[this.#turn]!
      const offset = this.#next[this.#turn]!
      assertPositionKept(input, offset)
      if (offset < input.end) {
        emptyInRow = 0
        const isFirst = batches.length === 0
        const left = { records: maxRecords - records, bytes: maxBytes - bytes }
        const batch = input.batchAt(offset, isFirst ? unlimitedRoom : left)
        // The input whose batch did not fit is the first one of the next pull.
        if (batch === null) break
        invariant(batch.next > offset, 'a pull goes forward')
        batches.push(batch)
        this.#next[this.#turn] = batch.next
        records += batch.batch.count - batch.from
        bytes += batch.batch.bytes.byteLength
      } else emptyInRow += 1
      this.#turn = (this.#turn + 1) % partitions.length
    }
    return batches
  }

  #hasRecords(): boolean {
    return this.#options.partitions.some(
      (input, index) => input.isDropped || this.#next[index]! < input.end,
    )
  }

  #isBroken(): boolean {
    try {
      this.#options.assertUsable()
      return false
    } catch {
      // The pull meets the same error when it goes on, and throws it there.
      return true
    }
  }
}
