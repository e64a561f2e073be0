import type { SinkReceipt } from '../../core/endpoints.ts'
import type { RecordErrorCode } from '../../core/errors.ts'
import type { RecordBatch } from '../../core/record-batch.ts'

const waiting = 0
const inFlight = 1
const settled = 2

/**
 * How far a batch has come: which of its records the server has confirmed, over as many connections as it
 * takes. Tags of messages count from 1 in each connection.
 */
export class Delivery {
  readonly batch: RecordBatch
  readonly failures: SinkReceipt['failures'][number][] = []
  inFlight = 0
  inFlightBytes = 0
  /** Messages that the server did not want to be responsible for since this was last set to 0. */
  refused = 0
  readonly #states: Uint8Array
  #left: number
  /** No record before this one waits. */
  #next = 0
  /** By tag, from `#firstTag` on: the record, or -1 where it was confirmed. */
  #tagged: number[] = []
  #firstTag = 1
  #ids: Map<string, number> | null = null

  constructor(batch: RecordBatch) {
    this.batch = batch
    this.#states = new Uint8Array(batch.count)
    this.#left = batch.count
  }

  get isDone(): boolean {
    return this.#left === 0
  }

  /** The next record to be sent; -1: none waits. */
  next(): number {
    while (this.#next < this.#states.length && this.#states[this.#next] !== waiting) this.#next += 1
    return this.#next < this.#states.length ? this.#next : -1
  }

  sent(index: number): void {
    this.#states[index] = inFlight
    this.inFlight += 1
    this.inFlightBytes += this.batch.sizeBytes(index)
    this.#tagged.push(index)
  }

  fail(index: number, code: RecordErrorCode, message: string): void {
    if (this.#states[index] === settled) return
    this.failures.push({ index, code, message })
    this.#settle(index)
  }

  confirmed(tag: number, multiple: boolean): void {
    this.#each(tag, multiple, (index) => this.#settle(index))
  }

  /** They are sent again. */
  notTaken(tag: number, multiple: boolean): void {
    this.#each(tag, multiple, (index) => {
      this.refused += 1
      this.#wait(index)
    })
  }

  /** The server has found no queue for a message: its confirmation comes all the same. */
  returned(id: unknown, idOf: (index: number) => string, message: string): void {
    this.#ids ??= new Map(Array.from(this.#states, (_, index) => [idOf(index), index]))
    const index = this.#ids.get(String(id))
    if (index !== undefined) this.fail(index, 'RECORD_REJECTED', message)
  }

  /** The connection has ended: what was not confirmed may have arrived, and is sent again. */
  restart(): void {
    for (const index of this.#tagged) if (index !== -1) this.#wait(index)
    this.begin(1)
  }

  /** Its next message has this tag. */
  begin(tag: number): void {
    this.#tagged = []
    this.#firstTag = tag
  }

  #each(tag: number, multiple: boolean, act: (index: number) => void): void {
    const last = tag - this.#firstTag
    for (let at = multiple ? 0 : last; at <= last; at++) {
      const index = this.#tagged[at] ?? -1
      if (index === -1) continue
      this.#tagged[at] = -1
      act(index)
    }
  }

  #settle(index: number): void {
    if (this.#states[index] === settled) return
    this.#land(index)
    this.#states[index] = settled
    this.#left -= 1
  }

  #wait(index: number): void {
    if (this.#states[index] === settled) return
    this.#land(index)
    this.#states[index] = waiting
    this.#next = Math.min(this.#next, index)
  }

  #land(index: number): void {
    if (this.#states[index] !== inFlight) return
    this.inFlight -= 1
    this.inFlightBytes -= this.batch.sizeBytes(index)
  }
}
