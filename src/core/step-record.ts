import type { JsonFields } from './json-fields.ts'
import type { JsonObject, JsonValue } from './json.ts'
import type { MadeRecord } from './made-record.ts'
import { decodeHeaders, emptyBytes, type RecordBatch } from './record-batch.ts'

/** Where a record came into the pipeline; known in the stage that has the source only. */
export interface SourceInfo {
  readonly [name: string]: JsonValue
}

export interface RecordOrigin {
  readonly topic: string | null
  readonly partition: number
  readonly baseOffset: bigint
  readonly source: ((index: number) => SourceInfo) | null
}

const noOrigin: RecordOrigin = { topic: null, partition: 0, baseOffset: 0n, source: null }

/**
 * The record that a stage is working on: a cursor over the slice, one per task, moved from record to
 * record. Its `value` belongs to the steps, which change it in place; an operator that keeps a part of
 * it beyond the call must copy that part. It is also the scope of expressions.
 */
export class StepRecord {
  value: JsonValue = null
  /** Epoch ms; NaN until the stage has determined it. */
  eventTimeMs = Number.NaN
  /** The key of a record that a step made (a window's result); null means the input's key stays. */
  madeKey: string | null = null
  /** The output that a step has chosen for it, by its name in `to`; null: none. */
  output: string | null = null
  #batch: RecordBatch | null = null
  #index = 0
  #origin: RecordOrigin = noOrigin
  #madeHeaders: Uint8Array = emptyBytes

  moveTo(batch: RecordBatch, index: number, origin: RecordOrigin): void {
    this.#batch = batch
    this.#index = index
    this.#origin = origin
    this.madeKey = null
    this.output = null
    this.eventTimeMs = batch.eventTimeMs[index]!
  }

  /** A record with no input bytes, such as a window's result. */
  make(made: MadeRecord): void {
    this.#batch = null
    this.#origin = noOrigin
    this.#madeHeaders = made.headers ?? emptyBytes
    this.madeKey = made.key
    this.output = null
    this.value = made.value
    this.eventTimeMs = made.eventTimeMs
  }

  get isMade(): boolean {
    return this.#batch === null
  }

  get key(): string | null {
    return this.madeKey ?? this.#batch?.keyText(this.#index) ?? null
  }

  get keyBytes(): Uint8Array | null {
    return this.#batch?.key(this.#index) ?? null
  }

  get valueBytes(): Uint8Array | null {
    return this.#batch?.value(this.#index) ?? null
  }

  get valueText(): string | null {
    return this.#batch?.valueText(this.#index) ?? null
  }

  /** Some fields of a value that is a JSON object; null where only the full decoder can tell. */
  fields(fields: JsonFields): JsonObject | null {
    return this.#batch?.fields(this.#index, fields) ?? null
  }

  /** Whether the bytes cannot hold invalid UTF-8, because their whole batch is ASCII. */
  get isAscii(): boolean {
    return this.#batch?.isAscii ?? true
  }

  get headerBytes(): Uint8Array {
    return this.#batch?.headerBytes(this.#index) ?? this.#madeHeaders
  }

  /** Header values as text by name, the last one of a name; without a prototype. */
  get headers(): JsonObject {
    const byName = Object.create(null) as JsonObject
    for (const [name, value] of decodeHeaders(this.headerBytes)) {
      byName[name] = Buffer.from(value).toString('utf8')
    }
    return byName
  }

  get topic(): string | null {
    return this.#origin.topic
  }

  get partition(): number {
    return this.#origin.partition
  }

  get offset(): number | null {
    if (this.#batch === null || this.#origin.topic === null) return null
    return Number(this.#origin.baseOffset) + this.#batch.offsetDelta[this.#index]!
  }

  /** Ingest time, epoch ms. */
  get timestamp(): number | null {
    return this.#batch === null ? null : this.#batch.timestampMs[this.#index]!
  }

  /** When it entered the pipeline, epoch µs. */
  get ingestUs(): number | null {
    return this.#batch === null ? null : this.#batch.ingestUs[this.#index]!
  }

  get source(): SourceInfo | null {
    return this.#origin.source === null ? null : this.#origin.source(this.#index)
  }
}
