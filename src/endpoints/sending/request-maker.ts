import type { SinkOrigins, SinkReceipt } from '../../core/endpoints.ts'
import { RecordFailure } from '../../core/errors.ts'
import type { Template } from '../../core/expression.ts'
import { decodeJson } from '../../core/json.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import { StepRecord } from '../../core/step-record.ts'
import { traceContextOf } from '../../core/trace-context.ts'
import { hasControlCharacter } from '../http/header-value.ts'
import { encodeLine } from '../writing/encode-lines.ts'
import { idOfMany, recordId } from './record-id.ts'

export interface RequestSetting {
  readonly url: Template
  readonly headers: readonly (readonly [name: string, value: Template])[]
  readonly format: 'json' | 'ndjson' | 'json_array'
  readonly idempotencyKey: boolean
}

/** What a record takes along: those with the same address and headers may go together. */
export interface Letter {
  readonly index: number
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Uint8Array
}

export type Failure = SinkReceipt['failures'][number]

const contentTypes = {
  json: 'application/json',
  json_array: 'application/json',
  ndjson: 'application/x-ndjson',
} as const
const nullBytes = Buffer.from('null')

/** Makes requests of records, and tells of which it cannot. */
export class RequestMaker {
  readonly #setting: RequestSetting
  readonly #record = new StepRecord()
  readonly #readsRecord: boolean
  readonly #constantHeaders: Readonly<Record<string, string>> | null

  constructor(setting: RequestSetting) {
    this.#setting = setting
    const { url, headers } = setting
    const areConstant = headers.every(([, value]) => value.constant !== null)
    this.#readsRecord = url.constant === null || !areConstant
    this.#constantHeaders = areConstant ? this.#headersOf(this.#record) : null
  }

  letter(batch: RecordBatch, index: number): Letter | Failure {
    try {
      const bytes = this.#bytesOf(batch, index)
      if (this.#readsRecord) this.#moveTo(batch, index)
      const url = this.#setting.url.constant ?? this.#urlOf()
      const headers = this.#constantHeaders ?? this.#headersOf(this.#record)
      return { index, url, headers, bytes }
    } catch (thrown) {
      if (!(thrown instanceof RecordFailure)) throw thrown
      return { index, code: thrown.code, message: thrown.message }
    }
  }

  headersOf(
    letters: readonly Letter[],
    batch: RecordBatch,
    origins: SinkOrigins | undefined,
  ): Record<string, string> {
    const { format, idempotencyKey } = this.#setting
    const [first] = letters
    const headers: Record<string, string> = { 'content-type': contentTypes[format] }
    if (idempotencyKey)
      headers['idempotency-key'] = idOfMany(
        letters.map(({ index }) => recordId(batch, index, origins)),
      )
    const trace = traceContextOf(batch.headerBytes(first!.index))
    if (trace !== null) {
      const { traceId, spanId, flags, state } = trace
      headers['traceparent'] = `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`
      if (state !== '') headers['tracestate'] = state
    }
    return Object.assign(headers, first!.headers)
  }

  bodyOf(letters: readonly Letter[]): Uint8Array {
    const { format } = this.#setting
    if (format === 'json') return letters[0]!.bytes
    const parts: Uint8Array[] = []
    for (const [at, { bytes }] of letters.entries()) {
      if (format === 'json_array') parts.push(at === 0 ? opening : comma, bytes)
      else parts.push(bytes, newline)
    }
    if (format === 'json_array') parts.push(closing)
    return Buffer.concat(parts)
  }

  /** @throws RecordFailure RECORD_REJECTED */
  #bytesOf(batch: RecordBatch, index: number): Uint8Array {
    const value = this.#setting.format === 'ndjson' ? encodeLine(batch, index) : batch.value(index)
    if (typeof value === 'string') throw new RecordFailure('RECORD_REJECTED', value)
    return value ?? nullBytes
  }

  #moveTo(batch: RecordBatch, index: number): void {
    this.#record.moveTo(batch, index, { topic: null, partition: 0, baseOffset: 0n, source: null })
    try {
      this.#record.value = decodeJson(batch.valueText(index) ?? 'null')
    } catch {
      // What is no JSON has no fields; its key and headers can still be used.
      this.#record.value = null
    }
  }

  /** @throws RecordFailure where a value would make it another address than the setting means. */
  #urlOf(): string {
    const url = this.#setting.url.render(this.#record, encodePart)
    const [path = ''] = url.split(/[?#]/, 1)
    if (path.split('/').some((part) => part === '.' || part === '..'))
      throw new RecordFailure('RECORD_REJECTED', 'its url would lead to another folder (. or ..)')
    return url
  }

  /** @throws RecordFailure */
  #headersOf(record: StepRecord): Record<string, string> {
    const headers: Record<string, string> = {}
    for (const [name, template] of this.#setting.headers) {
      const value = template.constant ?? template.render(record)
      if (hasControlCharacter(value))
        throw new RecordFailure(
          'RECORD_REJECTED',
          `the header ${name} would have a line break or another control character`,
        )
      headers[name.toLowerCase()] = value
    }
    return headers
  }
}

const opening = Buffer.from('[')
const comma = Buffer.from(',')
const closing = Buffer.from(']')
const newline = Buffer.from('\n')

/** What a record holds is one part of an address, and never more. */
function encodePart(text: string): string {
  if (text === '') throw new RecordFailure('RECORD_REJECTED', 'a value in its url is null or empty')
  // A half of a surrogate pair has no encoding.
  return encodeURIComponent(text.toWellFormed())
}
