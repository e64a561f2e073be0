import type { ConsumeMessage } from 'amqplib'
import type { Clock } from '../../core/clock.ts'
import type { SourceSlice } from '../../core/endpoints.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { RecordBatchBuilder } from '../../core/record-batch-builder.ts'
import type { SourceInfo } from '../../core/step-record.ts'
import { headerValue, jsonHeaders, recordHeaders } from './message-headers.ts'
import type { PendingReplies } from './pending-replies.ts'

export interface MessageSliceOptions {
  readonly clock: Clock
  readonly queue: string
  readonly maxRecord: number
  readonly pending: PendingReplies | null
}

/** A message of the slice whose sender wants an answer. */
export interface Asking {
  readonly index: number
  readonly to: string
  readonly correlationId: string | undefined
}

/** Of a message that is too long, so much is kept. */
const keptBytes = 1_024
/** Times before 1970 and after 9999 are no times of messages. */
const maxSeconds = 253_402_300_799

/** Makes a slice of messages. Used again for every slice. */
export class MessageSlice {
  readonly #options: MessageSliceOptions
  readonly #builder = new RecordBatchBuilder('')
  readonly #times = { timestampMs: 0, eventTimeMs: Number.NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
  #messages: Pick<ConsumeMessage, 'fields' | 'properties'>[] = []
  #failures: SourceSlice['failures'][number][] = []
  #asking: Asking[] = []

  constructor(options: MessageSliceOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#builder.count
  }

  get bytes(): number {
    return this.#builder.dataBytes
  }

  begin(): void {
    const { clock } = this.#options
    this.#times.timestampMs = clock.wallMs()
    this.#times.ingestUs = clock.monotonicUs()
    this.#messages = []
    this.#failures = []
    this.#asking = []
  }

  add(message: ConsumeMessage): void {
    const { maxRecord, pending } = this.#options
    const { content, properties } = message
    const index = this.count
    const isTooLong = content.length > maxRecord
    if (isTooLong) {
      this.#failures.push({
        index,
        code: 'RECORD_TOO_LARGE',
        message: `the message has ${content.length} bytes; "max_record" is ${maxRecord}`,
      })
    }
    this.#times.eventTimeMs = eventTimeMs(properties.timestamp)
    this.#builder.append({
      key: null,
      value: isTooLong ? content.subarray(0, keptBytes) : content,
      headers: recordHeaders(properties, pending?.expect(message)),
      times: this.#times,
    })
    // The body is in the batch now.
    this.#messages.push({ fields: message.fields, properties })
    const to: unknown = properties.replyTo
    if (typeof to !== 'string' || to === '') return
    const correlationId: unknown = properties.correlationId
    const asked = typeof correlationId === 'string' ? correlationId : undefined
    this.#asking.push({ index, to, correlationId: asked })
  }

  /** Who wants an answer to one of the messages. */
  asking(): readonly Asking[] {
    return this.#asking
  }

  /** null where there is no record. */
  finish(positions: ReadonlyMap<string, JsonValue>): SourceSlice | null {
    if (this.count === 0) return null
    const messages = this.#messages
    const { queue } = this.#options
    return {
      batch: this.#builder.finish(),
      failures: this.#failures,
      positions,
      info: (index) => infoOf(queue, messages[index]!),
    }
  }
}

/** In seconds, as most clients write them. */
function eventTimeMs(timestamp: unknown): number {
  const isTime = typeof timestamp === 'number' && timestamp > 0 && timestamp <= maxSeconds
  return isTime ? 1_000 * timestamp : Number.NaN
}

function infoOf(
  queue: string,
  { fields, properties }: Pick<ConsumeMessage, 'fields' | 'properties'>,
): SourceInfo {
  const info: JsonObject = {
    queue,
    exchange: fields.exchange,
    routing_key: fields.routingKey,
    redelivered: fields.redelivered,
    headers: jsonHeaders(properties.headers ?? {}),
  }
  for (const [name, value] of [
    ['message_id', properties.messageId],
    ['correlation_id', properties.correlationId],
    ['reply_to', properties.replyTo],
    ['content_type', properties.contentType],
    ['content_encoding', properties.contentEncoding],
    ['type', properties.type],
    ['app_id', properties.appId],
    ['user_id', properties.userId],
    ['priority', properties.priority],
  ] as const) {
    info[name] = headerValue(value)
  }
  return info
}
