import { putField } from '../../core/copy-json.ts'
import { RecordFailure } from '../../core/errors.ts'
import { isExactNumber, type JsonObject, type JsonValue } from '../../core/json.ts'

/**
 * What the user's code returned, as a value of a record that shares nothing with it. As in
 * `JSON.stringify`, a field that is undefined is left out.
 * @throws RecordFailure RECORD_MODULE for what is no JSON; RangeError where it is nested too deeply or in a circle.
 */
export function plainValue(returned: unknown): JsonValue {
  switch (typeof returned) {
    case 'string':
    case 'boolean':
      return returned
    case 'number':
      if (Number.isFinite(returned)) return returned
      throw refused(String(returned))
    case 'object':
      return returned === null ? null : plainObject(returned)
    default:
      throw refused(typeof returned === 'undefined' ? 'undefined' : `a ${typeof returned}`)
  }
}

function plainObject(returned: object): JsonValue {
  if (Array.isArray(returned)) return Array.from(returned, plainValue)
  if (returned instanceof Date) return plainDate(returned)
  if (isExactNumber(returned)) return returned
  const prototype: unknown = Object.getPrototypeOf(returned)
  if (prototype !== null && !isRoot(prototype)) throw refused(`a ${returned.constructor.name}`)
  const plain: JsonObject = {}
  for (const [name, value] of Object.entries(returned))
    if (value !== undefined) putField(plain, name, plainValue(value))
  return plain
}

/** Of this realm or another one. */
function isRoot(prototype: unknown): boolean {
  return prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}

function plainDate(returned: Date): JsonValue {
  if (Number.isNaN(returned.getTime())) throw refused('an invalid Date')
  return new Date(returned.getTime())
}

function refused(what: string): RecordFailure {
  return new RecordFailure(
    'RECORD_MODULE',
    `the function returned ${what} in its value, which is no JSON`,
  )
}
