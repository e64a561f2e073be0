import { Decimal } from './decimal.ts'
import { RecordFailure } from './errors.ts'
import { getField, setField, type FieldPath } from './field-path.ts'
import { isExactNumber, isJsonObject, type JsonObject, type JsonValue } from './json.ts'
import type { StepRecord } from './step-record.ts'

/** Changes one field of an object in place. */
export type FieldEdit = (object: JsonObject) => void

/**
 * Replaces a field's value by `edit` of it. A missing field becomes `missing`, or stays missing where
 * that is undefined or the object around it is missing too. Made once per step, so that the common
 * path of one name costs a look-up and nothing more.
 */
export function fieldEdit(
  path: FieldPath,
  edit: (value: JsonValue) => JsonValue,
  missing?: JsonValue,
): FieldEdit {
  const [name] = path
  if (path.length > 1 || name in Object.prototype) return nestedEdit(path, edit, missing)
  return (object) => {
    const before = object[name]
    if (before === undefined) {
      if (missing !== undefined) object[name] = missing
      return
    }
    const after = edit(before)
    if (after !== before) object[name] = after
  }
}

function nestedEdit(
  path: FieldPath,
  edit: (value: JsonValue) => JsonValue,
  missing: JsonValue | undefined,
): FieldEdit {
  const parentPath = path.slice(0, -1)
  const name = path.at(-1)!
  return (object) => {
    const [first, ...rest] = parentPath
    const parent = first === undefined ? object : getField(object, [first, ...rest])
    if (!isJsonObject(parent)) return
    if (Object.hasOwn(parent, name)) parent[name] = edit(parent[name]!)
    else if (missing !== undefined) parent[name] = missing
  }
}

/**
 * Sets a field in place; objects on the way are made where they are missing or null.
 * @throws RecordFailure RECORD_TYPE when something on the way is no object.
 */
export function placeField(object: JsonObject, path: FieldPath, value: JsonValue): void {
  if (setField(object, path, value)) return
  const field = path.join('.')
  throw new RecordFailure('RECORD_TYPE', `${field}: something on the way to it is no object`)
}

/**
 * The record's value, for a step that works on fields.
 * @throws RecordFailure RECORD_TYPE when the value is no object.
 */
export function objectValue(record: StepRecord, step: string): JsonObject {
  const { value } = record
  if (isJsonObject(value)) return value
  throw new RecordFailure(
    'RECORD_TYPE',
    `${step} works on the fields of an object; the value is ${kindOf(value)}`,
  )
}

/** What a value is, in words for messages: `a list`, `null`, `a number`. */
export function kindOf(value: JsonValue | undefined): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Date) return 'a timestamp'
  if (value instanceof Decimal) return 'a decimal'
  if (isExactNumber(value)) return 'a number'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
