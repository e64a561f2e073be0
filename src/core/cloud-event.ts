import { hookEvents, type HookEvent, type HookEventName } from './hook.ts'
import { decodeJson, encodeJson, isJsonObject, type JsonObject, type JsonValue } from './json.ts'

export const cloudEventsType = 'application/cloudevents+json'

/** Before the name of the event, in `type`. */
const typePrefix = 'millrace.'
/** Of `data`; it changes when what is there takes another form. */
const dataSchema = 'urn:millrace:hook-event:1'

/** What an expression of a hook sees, and what `data` of a CloudEvent is. */
export function scopeOf({ event, pipeline, stage, timeMs, data, value }: HookEvent): {
  readonly event: JsonObject
  readonly value: JsonValue
} {
  const time = new Date(timeMs).toISOString()
  return { event: { ...data, event, pipeline, stage, time }, value }
}

/** The event in the structured JSON form of CloudEvents 1.0. @param sampled whether its span is exported. */
export function cloudEventOf(event: HookEvent, sampled = false): JsonObject {
  const { id, pipeline, stage, data } = event
  const subject = placeText(data)
  const traceparent = traceparentOf(data, sampled)
  const scope = scopeOf(event)
  return {
    specversion: '1.0',
    id,
    source: `/millrace/${pipeline}/${stage}`,
    type: `${typePrefix}${event.event}`,
    ...(subject === null ? {} : { subject }),
    time: scope.event['time']!,
    datacontenttype: 'application/json',
    dataschema: dataSchema,
    ...(traceparent === null ? {} : { traceparent }),
    data: { event: scope.event, value: scope.value },
  }
}

/** `topic/partition/offset` of the record that it is about. */
function placeText({ topic, partition, offset }: JsonObject): string | null {
  if (typeof topic !== 'string' || typeof partition !== 'number' || typeof offset !== 'number')
    return null
  return `${topic}/${partition}/${offset}`
}

function traceparentOf(
  { trace_id: traceId, span_id: spanId }: JsonObject,
  sampled: boolean,
): string | null {
  if (typeof traceId !== 'string' || typeof spanId !== 'string') return null
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`
}

/**
 * Text with at most `maxBytes` bytes. What makes it larger is left out and told by its size: the value
 * first, then all facts but those that say what it is about.
 */
export function encodeCloudEvent(event: HookEvent, sampled: boolean, maxBytes: number): string {
  const whole = encodeJson(cloudEventOf(event, sampled))
  const bytes = Buffer.byteLength(whole)
  if (bytes <= maxBytes) return whole
  const valueBytes = Buffer.byteLength(encodeJson(event.value))
  const data = { ...event.data, value_omitted_bytes: valueBytes }
  const without = encodeJson(cloudEventOf({ ...event, data, value: null }, sampled))
  if (Buffer.byteLength(without) <= maxBytes) return without
  const kept = Object.entries(event.data).filter(([name]) => keptFacts.has(name))
  const least = { ...Object.fromEntries(kept), omitted_bytes: bytes }
  return encodeJson(cloudEventOf({ ...event, data: least, value: null }, sampled))
}

const keptFacts: ReadonlySet<string> = new Set([
  'code',
  'step',
  'topic',
  'partition',
  'offset',
  'trace_id',
  'span_id',
])

/** An event as it was stored, with what its trace says. */
export interface StoredEvent {
  readonly event: HookEvent
  /** Of the sampled span that it was told of; null: that is not exported. */
  readonly span: { readonly traceId: string; readonly spanId: string } | null
}

/** null where the text is no event of a hook. */
export function storedEventOf(text: string | null): StoredEvent | null {
  const found = decodedOrNull(text)
  if (!isJsonObject(found) || typeof found['id'] !== 'string') return null
  const data = found['data']
  if (!isJsonObject(data) || !isJsonObject(data['event'])) return null
  const { event: name, pipeline, stage, time, ...facts } = data['event']
  if (typeof name !== 'string' || !Object.hasOwn(hookEvents, name)) return null
  if (typeof pipeline !== 'string' || typeof stage !== 'string') return null
  const timeMs = typeof time === 'string' ? Date.parse(time) : Number.NaN
  if (Number.isNaN(timeMs)) return null
  const event = name as HookEventName
  return {
    event: {
      id: found['id'],
      event,
      pipeline,
      stage,
      timeMs,
      data: facts,
      value: data['value'] ?? null,
    },
    span: sampledSpanOf(found['traceparent']),
  }
}

const sampledParent = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/

function sampledSpanOf(traceparent: JsonValue | undefined): StoredEvent['span'] {
  const [, traceId, spanId] =
    (typeof traceparent === 'string' ? sampledParent.exec(traceparent) : null) ?? []
  return traceId === undefined || spanId === undefined ? null : { traceId, spanId }
}

function decodedOrNull(text: string | null): JsonValue {
  try {
    return text === null ? null : decodeJson(text)
  } catch {
    return null
  }
}
