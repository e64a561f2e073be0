import type { MessageProperties } from 'amqplib'
import { encodeJson, type JsonObject, type JsonValue } from '../../core/json.ts'
import {
  emptyBytes,
  encodeHeaders,
  type Header,
  type WrittenHeader,
} from '../../core/record-batch.ts'

/**
 * The properties of a message that a record carries as headers, so that a sink can hand them on, with
 * their names there.
 */
const carried = [
  ['messageId', 'amqp-message-id'],
  ['correlationId', 'amqp-correlation-id'],
  ['replyTo', 'amqp-reply-to'],
  ['contentType', 'amqp-content-type'],
  ['contentEncoding', 'amqp-content-encoding'],
  ['type', 'amqp-type'],
] as const
export type CarriedProperty = (typeof carried)[number][0]

const ownPrefix = 'amqp-'
/** Headers of the engine: nobody outside sets them. */
const enginePrefix = 'millrace-'
/** Longer names do not fit into a message. */
const maxNameBytes = 255
const nameOf: ReadonlyMap<string, CarriedProperty> = new Map(
  carried.map(([property, name]) => [name, property]),
)

/** Headers of the record: those of the message as text, then the carried properties. */
export function recordHeaders(
  { headers, ...properties }: MessageProperties,
  more: readonly WrittenHeader[] = [],
): Uint8Array {
  const written: WrittenHeader[] = []
  if (headers !== undefined) {
    for (const name of Object.keys(headers)) {
      if (name.startsWith(ownPrefix) || name.startsWith(enginePrefix)) continue
      written.push([name, headerText(headers[name])])
    }
  }
  for (const [property, name] of carried) {
    const value: unknown = properties[property]
    if (typeof value === 'string') written.push([name, value])
  }
  if (more.length > 0) written.push(...more)
  return written.length === 0 ? emptyBytes : encodeHeaders(written)
}

function headerText(value: unknown): Uint8Array | string {
  if (typeof value === 'string' || value instanceof Uint8Array) return value
  const json = headerValue(value)
  return typeof json === 'string' ? json : encodeJson(json)
}

/** A value of a header as JSON: bytes as base64, times as ISO 8601. */
export function headerValue(value: unknown): JsonValue {
  if (value === null || value === undefined) return null
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') {
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(headerValue)
  if (typeof value !== 'object') return null
  return typedValue(value) ?? jsonHeaders(value)
}

/** What the client writes as `{ '!': type, value }`. */
function typedValue(value: object): JsonValue | undefined {
  if (!Object.hasOwn(value, '!')) return undefined
  const { '!': type, value: inner } = value as { readonly '!': unknown; readonly value?: unknown }
  if (type === 'timestamp' && typeof inner === 'number') {
    const time = new Date(1_000 * inner)
    return Number.isNaN(time.getTime()) ? inner : time.toISOString()
  }
  if (type === 'decimal' && typeof inner === 'object' && inner !== null) {
    const { digits, places } = inner as { readonly digits?: unknown; readonly places?: unknown }
    return Number(digits) / 10 ** Number(places)
  }
  return undefined
}

/** Without a prototype: the names are those of whoever sent the message. */
export function jsonHeaders(headers: object): JsonObject {
  const json = Object.create(null) as JsonObject
  for (const [name, value] of Object.entries(headers)) json[name] = headerValue(value)
  return json
}

export interface MessageParts {
  /** Without a prototype. */
  readonly headers: Record<string, string>
  readonly properties: Partial<Record<CarriedProperty, string>>
}

/** The way back: what of a record's headers goes into a message as headers, and what as properties. */
export function messageParts(headers: readonly Header[]): MessageParts {
  const parts: MessageParts = {
    headers: Object.create(null) as Record<string, string>,
    properties: {},
  }
  for (const [name, value] of headers) {
    if (name.startsWith(enginePrefix) || Buffer.byteLength(name) > maxNameBytes) continue
    const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8')
    const property = nameOf.get(name)
    if (property !== undefined) parts.properties[property] = text
    else if (!name.startsWith(ownPrefix)) parts.headers[name] = text
  }
  return parts
}
