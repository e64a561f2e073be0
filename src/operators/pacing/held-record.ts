import { Decimal } from '../../core/decimal.ts'
import { decodeJson, encodeJson, isJsonObject, type JsonValue } from '../../core/json.ts'
import type { MadeRecord } from '../../core/made-record.ts'
import { emptyBytes } from '../../core/record-batch.ts'
import type { StepRecord } from '../../core/step-record.ts'

/** Where something is in a value. */
type Place = readonly (string | number)[]
/** A value that is a text in JSON: `t` is a time, `d` a decimal. */
type Marked = readonly [kind: 't' | 'd', place: Place]

/** A record that waits in the state of a step for its time. */
export interface HeldRecord {
  readonly key: string | null
  /** JSON. */
  readonly text: string
  readonly marked: readonly Marked[]
  readonly eventTimeMs: number
  readonly headers: Uint8Array
}

export function hold(record: StepRecord): HeldRecord {
  const marked: Marked[] = []
  findMarked(record.value, [], marked)
  return {
    key: record.key,
    text: encodeJson(record.value),
    marked,
    eventTimeMs: record.eventTimeMs,
    // The bytes of the batch that it came in would be kept with it.
    headers: record.headerBytes.length === 0 ? emptyBytes : Uint8Array.from(record.headerBytes),
  }
}

/** The record as it was. */
export function released({ key, text, marked, eventTimeMs, headers }: HeldRecord): MadeRecord {
  const holder = { value: decodeJson(text) }
  for (const [kind, place] of marked) restore(holder, kind, ['value', ...place])
  return { key, value: holder.value, eventTimeMs, headers }
}

export function encodeHeld({ key, text, marked, eventTimeMs, headers }: HeldRecord): string {
  const about = [key, eventTimeMs, Buffer.from(headers).toString('base64'), marked]
  const head = JSON.stringify(about)
  return `${head.length}:${head}${text}`
}

export function decodeHeld(encoded: string): HeldRecord {
  const start = encoded.indexOf(':') + 1
  const end = start + Number(encoded.slice(0, start - 1))
  const [key, eventTimeMs, headers, marked] = JSON.parse(encoded.slice(start, end)) as [
    string | null,
    number | null,
    string,
    Marked[],
  ]
  return {
    key,
    text: encoded.slice(end),
    marked,
    eventTimeMs: eventTimeMs ?? Number.NaN,
    headers: headers === '' ? emptyBytes : Uint8Array.from(Buffer.from(headers, 'base64')),
  }
}

function findMarked(value: JsonValue, place: Place, found: Marked[]): void {
  if (typeof value !== 'object' || value === null) return
  if (value instanceof Date) found.push(['t', place])
  else if (value instanceof Decimal) found.push(['d', place])
  else if (Array.isArray(value))
    for (const [index, item] of value.entries()) findMarked(item, [...place, index], found)
  else if (isJsonObject(value))
    for (const name of Object.keys(value)) findMarked(value[name]!, [...place, name], found)
}

function restore(holder: { value: JsonValue }, kind: Marked[0], place: Place): void {
  let at = holder as Record<string | number, JsonValue>
  for (const name of place.slice(0, -1)) at = at[name] as Record<string | number, JsonValue>
  const last = place.at(-1)!
  const text = at[last]
  // A time that is none is null in JSON.
  if (kind === 't') at[last] = new Date(typeof text === 'string' ? text : Number.NaN)
  else at[last] = Decimal.parse(typeof text === 'string' ? text : '')
}
