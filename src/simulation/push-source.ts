import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import type { ReadRequest, Source, SourceDefinition, SourceSlice } from '../core/endpoints.ts'
import { RecordBatchBuilder } from '../core/record-batch-builder.ts'
import type { JsonValue } from '../core/json.ts'
import { encodeHeaders, type Header } from '../core/record-batch.ts'

/** A record as a test gives it to a source or topic. */
export interface PushedRecord {
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly Header[]
  /** Epoch ms; null for the time at which it is sent. */
  readonly timestampMs: number | null
}

/** Stands in for the source of a stage in a test: it gives what was pushed, and ends when told to. */
export class PushQueue {
  readonly #clock: Clock
  #records: PushedRecord[] = []
  #taken = 0
  #hasEnded = false
  #wake: (() => void) | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  push(records: readonly PushedRecord[]): void {
    this.#records.push(...records)
    this.#wake?.()
  }

  end(): void {
    this.#hasEnded = true
    this.#wake?.()
  }

  get isEmpty(): boolean {
    return this.#records.length === 0
  }

  async read({ maxRecords, signal }: ReadRequest): Promise<SourceSlice | null> {
    while (this.isEmpty && !this.#hasEnded && !signal.aborted) await this.#untilPushed(signal)
    if (this.isEmpty || signal.aborted) return null
    const records = this.#records.splice(0, maxRecords)
    this.#taken += records.length
    const builder = new RecordBatchBuilder('')
    for (const { key, value, headers, timestampMs } of records) {
      const times = {
        timestampMs: timestampMs ?? this.#clock.wallMs(),
        eventTimeMs: Number.NaN,
        ingestUs: this.#clock.monotonicUs(),
        waitUs: 0,
        runUs: 0,
      }
      builder.append({ key, value, headers: encodeHeaders(headers), times })
    }
    const positions = new Map<string, JsonValue>([['sent', this.#taken]])
    return {
      batch: builder.finish(),
      failures: [],
      positions,
      info: (index) => ({ line: index + 1 }),
    }
  }

  #untilPushed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake)
        this.#wake = null
        resolve()
      }
      this.#wake = wake
      signal.addEventListener('abort', wake)
    })
  }
}

/** The definition that takes the place of a source: unbounded, so that windows close while it is open. */
export function pushSource(queue: PushQueue): SourceDefinition {
  return {
    type: 'push',
    summary: 'Gives the records that a test sends.',
    config: z.unknown(),
    examples: [{ title: 'no setting', config: null }],
    files: () => [],
    replayable: false,
    bounded: () => false,
    create: (): Source => ({ read: (request) => queue.read(request), close: async () => {} }),
  }
}
