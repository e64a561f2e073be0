import { Decimal } from '../core/decimal.ts'
import { RecordFailure } from '../core/errors.ts'
import { isExactNumber, isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { spend, spendText } from './fuel.ts'
import { maxListLength, maxStringLength } from './limits.ts'

/** Names that lead out of data; refused as fields wherever an expression could reach them. */
export const refusedNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

export function fail(message: string): never {
  throw new RecordFailure('RECORD_EXPRESSION', message)
}

export function failNumber(message: string): never {
  throw new RecordFailure('RECORD_NUMBER', message)
}

type TypeName =
  | 'null'
  | 'boolean'
  | 'number'
  | 'string'
  | 'timestamp'
  | 'decimal'
  | 'list'
  | 'object'

export function typeName(value: JsonValue): TypeName {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value as TypeName
  if (Array.isArray(value)) return 'list'
  if (value instanceof Date) return 'timestamp'
  if (value instanceof Decimal) return 'decimal'
  return isExactNumber(value) ? 'number' : 'object'
}

/** A value for a message, such as `a list` or `"n/a"`. */
export function describe(value: JsonValue): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number')
    return String(value)
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value)
  }
  const type = typeName(value)
  return type === 'object' ? 'an object' : `a ${type}`
}

/** The text of a string or number; null for null. Everything else fails: nothing is coerced in silence. */
export function textIn(value: JsonValue, where: string): string | null {
  if (typeof value === 'string') {
    spendText(value.length)
    return value
  }
  if (value === null) return null
  if (typeof value === 'number') return String(value)
  if (isExactNumber(value)) return value.rawJSON
  if (value instanceof Decimal) return value.toString()
  return fail(`${where} takes text, not ${describe(value)}`)
}

export function listIn(value: JsonValue, where: string): JsonValue[] | null {
  if (Array.isArray(value)) {
    spend(value.length)
    return value
  }
  return value === null ? null : fail(`${where} takes a list, not ${describe(value)}`)
}

export function objectIn(value: JsonValue, where: string): JsonObject | null {
  if (value === null || isJsonObject(value)) return value
  return fail(`${where} takes an object, not ${describe(value)}`)
}

/** A number that arithmetic can work on; a timestamp is its epoch ms; null for null. */
export function numberIn(value: JsonValue, where: string): number | null {
  if (typeof value === 'number') return exactly(value, where)
  if (value === null) return null
  if (value instanceof Date) return exactly(value.getTime(), where)
  if (value instanceof Decimal) return exactly(Decimal.toNumber(value), where)
  if (isExactNumber(value)) return failNumber(`${where}: ${value.rawJSON} cannot be held exactly`)
  return fail(`${where} takes a number, not ${describe(value)}`)
}

export function wholeIn(value: JsonValue, where: string): number | null {
  const number = numberIn(value, where)
  return number === null || Number.isInteger(number)
    ? number
    : fail(`${where} takes a whole number, not ${number}`)
}

/** @throws RecordFailure RECORD_NUMBER for what is not finite, and for integers that a double rounds. */
export function exactly(value: number, where: string): number {
  if (value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER) return value
  return failNumber(
    Number.isFinite(value)
      ? `${where}: ${value} is beyond 2^53, where numbers are not exact`
      : `${where} gives no finite number`,
  )
}

/** A text that a function made: its length is checked and paid for. */
export function madeText(text: string, where: string): string {
  spendText(text.length)
  return joinedText(text, where)
}

/** A text joined from two: the engine keeps it as a pair, so that it costs nothing until it is read. */
export function joinedText(text: string, where: string): string {
  return text.length <= maxStringLength ? text : tooLong(where)
}

export function tooLong(where: string): never {
  return fail(`${where} would make a text of more than ${maxStringLength} characters`)
}

export function madeList(list: JsonValue[], where: string): JsonValue[] {
  spend(list.length)
  return list.length <= maxListLength ? list : tooMany(where)
}

export function tooMany(where: string): never {
  return fail(`${where} would make a list of more than ${maxListLength} elements`)
}
