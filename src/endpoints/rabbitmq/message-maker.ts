import { createHash } from 'node:crypto'
import type { Options } from 'amqplib'
import type { SinkOrigins } from '../../core/endpoints.ts'
import { RecordFailure } from '../../core/errors.ts'
import type { Template } from '../../core/expression.ts'
import { decodeJson } from '../../core/json.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import { StepRecord } from '../../core/step-record.ts'
import { messageParts } from './message-headers.ts'

export interface MessageMakerOptions {
  readonly exchange: string
  readonly routingKey: Template | string
  readonly contentType: string
  readonly mandatory: boolean
}

export interface OutgoingMessage {
  readonly routingKey: string
  readonly content: Buffer
  readonly options: Options.Publish
}

/** Keys and ids are short strings in AMQP. */
const maxShortBytes = 255
const empty = Buffer.alloc(0)

/** Makes messages of the records of a batch. */
export class MessageMaker {
  readonly #options: MessageMakerOptions
  readonly #record = new StepRecord()

  constructor(options: MessageMakerOptions) {
    this.#options = options
  }

  /** @throws RecordFailure when the record cannot be a message. */
  make(batch: RecordBatch, index: number, id: string): OutgoingMessage {
    const { contentType, mandatory } = this.#options
    const options: Options.Publish = { persistent: true, mandatory, messageId: id, contentType }
    const eventTimeMs = batch.eventTimeMs[index]!
    if (eventTimeMs > 0) options.timestamp = Math.floor(eventTimeMs / 1_000)
    if (batch.headerBytes(index).length > 0) {
      const { headers, properties } = messageParts(batch.headers(index))
      const { correlationId, replyTo, type } = properties
      options.headers = headers
      if (correlationId !== undefined) options.correlationId = correlationId
      if (replyTo !== undefined) options.replyTo = replyTo
      if (type !== undefined) options.type = type
    }
    const value = batch.value(index)
    const content =
      value === null ? empty : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    return { routingKey: this.#routingKey(batch, index), content, options }
  }

  #routingKey(batch: RecordBatch, index: number): string {
    const { routingKey } = this.#options
    if (typeof routingKey === 'string') return routingKey
    const key = routingKey.constant ?? this.#rendered(routingKey, batch, index)
    if (Buffer.byteLength(key) <= maxShortBytes) return key
    const bytes = Buffer.byteLength(key)
    throw new RecordFailure('RECORD_REJECTED', `its routing key has ${bytes} bytes, more than 255`)
  }

  #rendered(template: Template, batch: RecordBatch, index: number): string {
    const record = this.#record
    record.moveTo(batch, index, { topic: null, partition: 0, baseOffset: 0n, source: null })
    try {
      record.value = decodeJson(batch.valueText(index) ?? 'null')
    } catch {
      // Not JSON: a key of the headers or the key of the record can still be made.
      record.value = null
    }
    return template.render(record)
  }
}

/**
 * An id that a record has each time it is written: where it came from and when that was stored, since the
 * offsets of a log that begins anew come again. A record that a step made is known by what it is.
 */
export function messageId(
  batch: RecordBatch,
  index: number,
  origins: SinkOrigins | undefined,
): string {
  const stage = batch.writer.slice(0, batch.writer.lastIndexOf('/') + 1)
  const input = origins?.input(index) ?? null
  if (input === null || origins === undefined) return `${stage}${contentHash(batch, index)}`
  const ordinal = origins.ordinal(index)
  const time = batch.timestampMs[index]!.toString(36)
  const id = `${stage}${input}/${origins.offset(index)}${ordinal === 0 ? '' : `.${ordinal}`}@${time}`
  return Buffer.byteLength(id) <= maxShortBytes ? id : hashed(id)
}

function contentHash(batch: RecordBatch, index: number): string {
  const hash = createHash('sha256')
  const key = batch.key(index)
  hash.update(key === null ? 'null' : `key ${key.length} `)
  hash.update(key ?? empty)
  hash.update(batch.value(index) ?? empty)
  hash.update(String(batch.eventTimeMs[index]))
  return hash.digest('hex')
}

function hashed(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
