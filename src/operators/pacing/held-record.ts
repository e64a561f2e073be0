import { decodeJson, encodeJson, isJsonObject, type JsonValue } from '../../core/json.ts'
import type { MadeRecord } from '../../core/made-record.ts'
import { emptyBytes } from '../../core/record-batch.ts'
import type { StepRecord } from '../../core/step-record.ts'

type Place = readonly (string | number)[]

/** A record that waits in the state of a step for its time. */
export interface HeldRecord {
  readonly key: string | null
  /** JSON. */
  readonly text: string
  /** Places in the value where times are: in JSON they are texts. */
  readonly times: readonly Place[]
  readonly eventTimeMs: number
  readonly headers: Uint8Array
}

export function hold(record: StepRecord): HeldRecord {
  const times: Place[] = []
  findTimes(record.value, [], times)
  return {
    key: record.key,
    text: encodeJson(record.value),
    times,
    eventTimeMs: record.eventTimeMs,
    // The bytes of the batch that it came in would be kept with it.
    headers: record.headerBytes.length === 0 ? emptyBytes : Uint8Array.from(record.headerBytes),
  }
}

/** The record as it was. */
export function released({ key, text, times, eventTimeMs, headers }: HeldRecord): MadeRecord {
  const value = decodeJson(text)
  if (times.some((place) => place.length === 0)) {
    return { key, value: timeOf(value), eventTimeMs, headers }
  }
  for (const place of times) restoreTime(value, place)
  return { key, value, eventTimeMs, headers }
}

export function encodeHeld({ key, text, times, eventTimeMs, headers }: HeldRecord): string {
  const about = [key, eventTimeMs, Buffer.from(headers).toString('base64'), times]
  const head = JSON.stringify(about)
  return `${head.length}:${head}${text}`
}

export function decodeHeld(encoded: string): HeldRecord {
  const start = encoded.indexOf(':') + 1
  const end = start + Number(encoded.slice(0, start - 1))
  const [key, eventTimeMs, headers, times] = JSON.parse(encoded.slice(start, end)) as [
    string | null,
    number | null,
    string,
    Place[],
  ]
  return {
    key,
    text: encoded.slice(end),
    times,
    eventTimeMs: eventTimeMs ?? Number.NaN,
    headers: headers === '' ? emptyBytes : Uint8Array.from(Buffer.from(headers, 'base64')),
  }
}

function findTimes(value: JsonValue, place: Place, found: Place[]): void {
  if (typeof value !== 'object' || value === null) return
  if (value instanceof Date) found.push(place)
  else if (Array.isArray(value))
    for (const [index, item] of value.entries()) findTimes(item, [...place, index], found)
  else if (isJsonObject(value))
    for (const name of Object.keys(value)) findTimes(value[name]!, [...place, name], found)
}

function timeOf(text: JsonValue): Date {
  return new Date(typeof text === 'string' ? text : Number.NaN)
}

function restoreTime(value: JsonValue, place: Place): void {
  let at = value as Record<string | number, JsonValue>
  for (const name of place.slice(0, -1)) at = at[name] as Record<string | number, JsonValue>
  const last = place.at(-1)!
  at[last] = timeOf(at[last]!)
}
