import type { ReadRequest, SourceSlice } from '../../core/endpoints.ts'
import { appendHeaders, emptyBytes, type RecordBatch } from '../../core/record-batch.ts'
import { RecordBatchBuilder } from '../../core/record-batch-builder.ts'
import type { Client, ClientMessage } from './client.ts'

/** One client does not keep the others waiting: after so many messages it is their turn. */
const messagesPerTurn = 128

/** A slice on its way to its commit. */
export interface TakenSlice {
  readonly batch: RecordBatch
  /** Who sent each of the records. */
  readonly clients: readonly Client[]
  readonly lines: readonly number[]
  /** By index: what kept a message from being a record. */
  readonly failures: ReadonlyMap<number, NonNullable<ClientMessage['failure']>>
  /** By index, where records have one; else empty. */
  readonly ids: readonly string[]
}

export interface IntakeOptions {
  /** A header of each record with an id of its own; null: none. */
  readonly stamp: { readonly header: string; readonly next: () => string } | null
  /** Whether more may be taken; whoever says no calls `wake` when it is yes. */
  readonly mayTake: () => boolean
  /** Nothing more can be taken for now. */
  readonly drained: () => void
}

/**
 * Takes whole messages of many clients into slices, in turn, those of each client in their order, and
 * remembers who sent what until the slice is committed. What is not taken stays with its client, who
 * is then not read from: that is the back-pressure.
 */
export class Intake {
  readonly #options: IntakeOptions
  readonly #builder = new RecordBatchBuilder('')
  readonly #ready = new Set<Client>()
  readonly #taken: TakenSlice[] = []
  readonly #times = { timestampMs: 0, eventTimeMs: Number.NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
  /** One object for all records: the builder copies what it is given. */
  readonly #record = {
    key: null,
    value: emptyBytes as Uint8Array | string,
    headers: emptyBytes,
    times: this.#times,
  }
  #clients: Client[] = []
  #lines: number[] = []
  #ids: string[] = []
  #failures = new Map<number, NonNullable<ClientMessage['failure']>>()
  #wake: (() => void) | null = null

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** Whether somebody has a message that waits to be taken. */
  get hasWaiting(): boolean {
    return this.#ready.size > 0
  }

  /** The client has a message. */
  ready(client: Client): void {
    this.#ready.add(client)
    this.wake()
  }

  wake(): void {
    this.#wake?.()
  }

  /** Waits for messages; null when the signal has aborted. */
  async read(request: ReadRequest): Promise<SourceSlice | null> {
    const { signal } = request
    for (;;) {
      if (signal.aborted) return null
      this.#collect(request)
      if (this.#builder.count > 0) return this.#finish()
      this.#options.drained()
      await this.#untilReady(signal)
      // What else this turn of the event loop brings shares the commit.
      await nextTurn()
    }
  }

  /** The oldest slice has been committed. */
  committed(): TakenSlice | undefined {
    return this.#taken.shift()
  }

  #collect({ maxRecords, maxBytes }: ReadRequest): void {
    const builder = this.#builder
    const isFull = () => builder.count >= maxRecords || builder.dataBytes >= maxBytes
    while (this.#ready.size > 0 && !isFull() && this.#options.mayTake()) {
      const [client] = this.#ready as Set<Client> & [Client]
      this.#ready.delete(client)
      let turn = 0
      for (let message = client.look(); message !== null; message = client.look()) {
        if (turn === messagesPerTurn || isFull() || !this.#fits(message, maxBytes)) {
          this.#ready.add(client)
          break
        }
        this.#append(client, message)
        client.consume()
        turn += 1
      }
      if (turn === 0 && this.#ready.has(client)) return
    }
  }

  #fits({ value }: ClientMessage, maxBytes: number): boolean {
    return this.#builder.count === 0 || this.#builder.dataBytes + value.length <= maxBytes
  }

  #append(client: Client, message: ClientMessage): void {
    const { stamp } = this.#options
    this.#times.timestampMs = message.arrivedMs
    this.#times.ingestUs = message.arrivedUs
    this.#record.value = message.value
    this.#record.headers = client.headers
    if (stamp !== null) {
      const id = stamp.next()
      this.#ids.push(id)
      this.#record.headers = appendHeaders(client.headers, [[stamp.header, id]])
    }
    if (message.failure !== null) this.#failures.set(this.#builder.count, message.failure)
    this.#builder.append(this.#record)
    this.#clients.push(client)
    this.#lines.push(message.line)
  }

  #finish(): SourceSlice {
    const batch = this.#builder.finish()
    const taken = {
      batch,
      clients: this.#clients,
      lines: this.#lines,
      failures: this.#failures,
      ids: this.#ids,
    }
    this.#clients = []
    this.#lines = []
    this.#ids = []
    this.#failures = new Map()
    this.#taken.push(taken)
    return {
      batch,
      failures: [...taken.failures].map(([index, failure]) => ({ index, ...failure })),
      positions: new Map(),
      info: (index) => taken.clients[index]!.info(taken.lines[index]!),
    }
  }

  async #untilReady(signal: AbortSignal): Promise<void> {
    if (this.#ready.size > 0 && this.#options.mayTake()) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      signal.addEventListener('abort', this.#onAbort, { once: true })
    })
    this.#wake = null
    signal.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => this.wake()
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
