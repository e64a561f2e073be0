import { encodeJson, isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { WrittenHeader } from '../../core/record-batch.ts'
import { BodyProblem } from './body-problem.ts'
import { jsonOf, type RecordBytes } from './cut-body.ts'

/** A CloudEvent as it is kept: its data as the value, its attributes as headers (as on Kafka). */
export interface EventRecord {
  readonly value: RecordBytes | null
  readonly headers: readonly WrittenHeader[]
}

const required = ['id', 'source', 'type', 'specversion'] as const
const attributeName = /^[a-z0-9]{1,64}$/
const base64 = /^[A-Za-z0-9+/]*={0,2}$/
/** So that an event of a batch can be told from others in a message. */
const wholeBody = 'the event'

/** Whether the headers of a request hold the attributes of an event, whose data is the body. */
export function isBinaryEvent(headers: Readonly<Record<string, unknown>>): boolean {
  return headers['ce-specversion'] !== undefined || headers['ce-id'] !== undefined
}

/**
 * The attributes of an event in HTTP headers, as those of its record.
 * @throws BodyProblem 400 where one that has to be there is missing.
 */
export function binaryEventHeaders(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): WrittenHeader[] {
  const attributes = Object.create(null) as JsonObject
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith('ce-') || typeof value !== 'string') continue
    attributes[name.slice(3)] = percentDecoded(value)
  }
  return attributeHeaders(attributes, wholeBody)
}

/** @throws BodyProblem 400 */
export function structuredEvents(body: Buffer, isBatch: boolean): readonly EventRecord[] {
  const value = jsonOf(body, 'the body')
  if (!isBatch) return [eventOf(value, wholeBody)]
  if (!Array.isArray(value))
    throw new BodyProblem(400, 'cloudevents', 'a batch of CloudEvents is a JSON array')
  return value.map((each, index) => eventOf(each, `event ${index + 1}`))
}

function eventOf(event: JsonValue, what: string): EventRecord {
  if (!isJsonObject(event)) throw new BodyProblem(400, 'cloudevents', `${what} is no JSON object`)
  const { data, data_base64: encoded, ...attributes } = event
  return { value: dataOf(data, encoded, what), headers: attributeHeaders(attributes, what) }
}

function dataOf(
  data: JsonValue | undefined,
  encoded: JsonValue | undefined,
  what: string,
): EventRecord['value'] {
  if (encoded === undefined) return data === undefined ? null : encodeJson(data)
  if (data !== undefined || typeof encoded !== 'string' || !base64.test(encoded))
    throw new BodyProblem(
      400,
      'cloudevents',
      `${what} has data_base64 that is no base64, or data beside it`,
    )
  return Buffer.from(encoded, 'base64')
}

function attributeHeaders(attributes: JsonObject, what: string): WrittenHeader[] {
  for (const name of required) {
    const value = attributes[name]
    if (typeof value !== 'string' || value === '')
      throw new BodyProblem(400, 'cloudevents', `${what} has no attribute ${name}`)
  }
  if (attributes['specversion'] !== '1.0')
    throw new BodyProblem(400, 'cloudevents', `${what} is not of specversion 1.0`)
  return Object.entries(attributes).flatMap(([name, value]) => {
    if (value === null) return []
    if (!attributeName.test(name) || typeof value === 'object')
      throw new BodyProblem(
        400,
        'cloudevents',
        `${what} has an attribute whose name or value is none of CloudEvents: ${name.slice(0, 64)}`,
      )
    const text = String(value)
    return [[name === 'datacontenttype' ? 'content-type' : `ce_${name}`, text] as const]
  })
}

/** As the HTTP binding of CloudEvents has it. What is not encoded so stays as it is. */
function percentDecoded(value: string): string {
  const unquoted = /^".*"$/.test(value) ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : value
  try {
    return decodeURIComponent(unquoted)
  } catch {
    return unquoted
  }
}
