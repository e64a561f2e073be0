import { putField } from '../../core/copy-json.ts'
import { Decimal } from '../../core/decimal.ts'
import { RecordFailure } from '../../core/errors.ts'
import { isExactNumber, type JsonObject, type JsonValue } from '../../core/json.ts'

/** JSON text nests to 1,000 levels; projections and states add a few of their own. */
const maxKeptDepth = 900

/**
 * A copy as it comes back from JSON text: times are ISO 8601 text. So a value is the same whether or
 * not it went through a topic, or a state that was restored.
 * @throws RecordFailure RECORD_ENCODE when the value nests too deep; RECORD_NUMBER when it holds a
 *   number that JSON has no text for.
 */
export function plainJson(value: JsonValue, depth = 0): JsonValue {
  if (typeof value === 'number') return plainNumber(value)
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return value
  if (value instanceof Date) return isoTime(value)
  if (value instanceof Decimal) return value.toString()
  if (depth >= maxKeptDepth) {
    throw new RecordFailure('RECORD_ENCODE', `the value nests deeper than ${maxKeptDepth} levels`)
  }
  if (Array.isArray(value)) return value.map((item) => plainJson(item, depth + 1))
  const copy: JsonObject = {}
  for (const name of Object.keys(value)) putField(copy, name, plainJson(value[name]!, depth + 1))
  return copy
}

/** ISO 8601 UTC text; null for a time that is none. */
export function isoTime(value: Date): string | null {
  return Number.isNaN(value.getTime()) ? null : value.toISOString()
}

/** One text for equal plain values: names in the order of their code units, no white space. */
export function canonicalJson(value: JsonValue): string {
  if (typeof value !== 'object' || value === null || isExactNumber(value)) {
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const names = Object.keys(value).toSorted()
  const object = value as JsonObject
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalJson(object[name]!)}`).join(',')}}`
}

function plainNumber(value: number): number {
  if (!Number.isFinite(value)) {
    throw new RecordFailure('RECORD_NUMBER', 'the value holds a number that is not finite')
  }
  return value
}
