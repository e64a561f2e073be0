import { hash } from 'node:crypto'
import { encodeJson, isExactNumber, isJsonObject, type JsonValue } from './json.ts'

/** A longer text is remembered by its hash: the size of the state must not be up to the data. */
const maxIdLength = 256

/** A text of bounded length, equal for values that are equal; null for null. */
export function identityText(value: JsonValue): string | null {
  if (value === null) return null
  const text = canonicalText(value)
  return text.length <= maxIdLength ? text : `sha256:${hash('sha256', text, 'hex')}`
}

/** The text itself for a text, else canonical JSON. */
export function canonicalText(value: JsonValue): string {
  if (typeof value === 'string') return value
  if (value instanceof Date) return value.toISOString()
  if (isExactNumber(value)) return value.rawJSON
  return typeof value === 'object' ? encodeJson(canonical(value)) : String(value)
}

/** The value with the fields of all objects in the order of their names. */
function canonical(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(canonical)
  if (!isJsonObject(value)) return value
  const names = Object.keys(value).toSorted()
  return Object.fromEntries(names.map((name) => [name, canonical(value[name]!)]))
}
