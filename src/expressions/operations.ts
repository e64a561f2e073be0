import { Decimal } from '../core/decimal.ts'
import { isoTimeMs } from '../core/iso-time.ts'
import { isExactNumber, isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { calculate, compareWithDecimal, isDecimalPair, quotient } from './decimal-operations.ts'
import { compareDecimals, isDecimalText } from './decimal-text.ts'
import { spend, spendText } from './fuel.ts'
import { charsPerFuel, maxListLength } from './limits.ts'
import {
  describe,
  exactly,
  fail,
  failNumber,
  joinedText,
  numberIn,
  refusedNames,
  tooMany,
} from './values.ts'

/**
 * What generated code calls for operators. The last argument, `source`, is the text of the
 * operation in the pipeline file, for messages. Data is never coerced by its own methods: an object
 * or list as an operand fails the record.
 */

const most = Number.MAX_SAFE_INTEGER
const least = Number.MIN_SAFE_INTEGER

export function add(left: JsonValue, right: JsonValue, source: string): JsonValue {
  if (typeof left === 'number' && typeof right === 'number') return sum(left, right, source)
  if (typeof left === 'string' || typeof right === 'string') {
    return joinedText(textOf(left, source) + textOf(right, source), source)
  }
  if (isDecimalPair(left, right)) return calculate(Decimal.add, [left, right], source)
  return sum(operand(left, source), operand(right, source), source)
}

function sum(left: number, right: number, source: string): number {
  const result = left + right
  return safe(left) && safe(right) && safe(result)
    ? result
    : inexact(left, right, { result, source })
}

export function subtract(left: JsonValue, right: JsonValue, source: string): JsonValue {
  if (typeof left !== 'number' || typeof right !== 'number') {
    if (isDecimalPair(left, right)) return calculate(Decimal.subtract, [left, right], source)
    return subtract(operand(left, source), operand(right, source), source)
  }
  const result = left - right
  return safe(left) && safe(right) && safe(result)
    ? result
    : inexact(left, right, { result, source })
}

export function multiply(left: JsonValue, right: JsonValue, source: string): JsonValue {
  if (typeof left !== 'number' || typeof right !== 'number') {
    if (isDecimalPair(left, right)) return calculate(Decimal.multiply, [left, right], source)
    return multiply(operand(left, source), operand(right, source), source)
  }
  const result = left * right
  return safe(left) && safe(right) && safe(result)
    ? result
    : inexact(left, right, { result, source })
}

export function divide(left: JsonValue, right: JsonValue, source: string): JsonValue {
  if (typeof left !== 'number' || typeof right !== 'number') {
    if (isDecimalPair(left, right)) return quotient(Decimal.divide, [left, right], source)
    return divide(operand(left, source), operand(right, source), source)
  }
  const result = left / right
  return safe(left) && safe(right) && safe(result)
    ? result
    : inexact(left, right, { result, source })
}

export function remainder(left: JsonValue, right: JsonValue, source: string): JsonValue {
  if (typeof left !== 'number' || typeof right !== 'number') {
    if (isDecimalPair(left, right)) return quotient(Decimal.remainder, [left, right], source)
    return remainder(operand(left, source), operand(right, source), source)
  }
  const result = left % right
  return safe(left) && safe(right) && safe(result)
    ? result
    : inexact(left, right, { result, source })
}

export function power(left: JsonValue, right: JsonValue, source: string): JsonValue {
  const a = typeof left === 'number' ? left : operand(left, source)
  const b = typeof right === 'number' ? right : operand(right, source)
  const result = a ** b
  return safe(a) && safe(b) && safe(result) ? result : inexact(a, b, { result, source })
}

export function negate(value: JsonValue, source: string): JsonValue {
  if (value instanceof Decimal) return Decimal.negate(value)
  return -exactly(typeof value === 'number' ? value : operand(value, source), source)
}

/** Unary plus: the number that a text spells, as a shorter `number(...)`. */
export function toNumber(value: JsonValue, source: string): JsonValue {
  if (typeof value === 'number') return exactly(value, source)
  if (value instanceof Decimal) return value
  if (typeof value !== 'string') return exactly(operand(value, source), source)
  spendText(value.length)
  return isDecimalText(value)
    ? exactly(Number(value), source)
    : fail(`${source}: ${describe(value)} is no number`)
}

function safe(value: number): boolean {
  return value <= most && value >= least
}

function operand(value: JsonValue, source: string): number {
  if (value === null) return fail(`${source}: arithmetic on null`)
  return numberIn(value, source)!
}

function inexact(left: number, right: number, made: { result: number; source: string }): never {
  exactly(left, made.source)
  exactly(right, made.source)
  exactly(made.result, made.source)
  return failNumber(`${made.source} gives no number`)
}

/** Text of a part of a template or of `+` beside a string. */
export function textOf(value: JsonValue, source: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (value === null)
    return fail(`${source}: text with null; if_null(x, '') gives a text in its place`)
  if (value instanceof Date) return isoText(value, source)
  if (isExactNumber(value)) return value.rawJSON
  if (value instanceof Decimal) return value.toString()
  return fail(`${source}: ${describe(value)} is no text`)
}

export function isoText(time: Date, source: string): string {
  return Number.isNaN(time.getTime())
    ? failNumber(`${source}: the timestamp is no time`)
    : time.toISOString()
}

export function concatenate(left: string, value: JsonValue, source: string): string {
  return joinedText(left + textOf(value, source), source)
}

export function greater(left: JsonValue, right: JsonValue, source: string): boolean {
  if (typeof left === 'number' && typeof right === 'number') return left > right
  return compare(left, right, source) > 0
}

export function less(left: JsonValue, right: JsonValue, source: string): boolean {
  if (typeof left === 'number' && typeof right === 'number') return left < right
  return compare(left, right, source) < 0
}

export function greaterOrEqual(left: JsonValue, right: JsonValue, source: string): boolean {
  if (typeof left === 'number' && typeof right === 'number') return left >= right
  return compare(left, right, source) >= 0
}

export function lessOrEqual(left: JsonValue, right: JsonValue, source: string): boolean {
  if (typeof left === 'number' && typeof right === 'number') return left <= right
  return compare(left, right, source) <= 0
}

/** Negative, zero or positive; NaN where there is no order, so that every comparison is false. */
export function compare(left: JsonValue, right: JsonValue, source: string): number {
  if (left === null || right === null) return Number.NaN
  if (typeof left === 'string' && typeof right === 'string') {
    spendText(left.length + right.length)
    return left < right ? -1 : left > right ? 1 : 0
  }
  refuseComposite(left, source)
  refuseComposite(right, source)
  if (isDecimalPair(left, right)) return compareWithDecimal(left, right)
  if (isExactNumber(left) || isExactNumber(right)) return compareExact(left, right)
  return asNumber(left, right) - asNumber(right, left)
}

function refuseComposite(value: JsonValue, source: string): void {
  if (Array.isArray(value) || isJsonObject(value))
    fail(`${source}: ${describe(value)} has no order`)
}

/** As JavaScript converts a primitive for comparison; a text beside a timestamp is read as a time. */
function asNumber(value: JsonValue, other: JsonValue): number {
  if (value instanceof Date) return value.getTime()
  if (typeof value === 'string') spendText(value.length)
  if (typeof value === 'string' && other instanceof Date) return isoTimeMs(value)
  return typeof value === 'number' ? value : Number(value)
}

function compareExact(left: JsonValue, right: JsonValue): number {
  const a = decimalText(left)
  const b = decimalText(right)
  return a === null || b === null ? Number.NaN : compareDecimals(a, b)
}

function decimalText(value: JsonValue): string | null {
  if (isExactNumber(value)) return value.rawJSON
  if (typeof value === 'string') spendText(value.length)
  const text =
    typeof value === 'string'
      ? value
      : String(value instanceof Date ? value.getTime() : Number(value))
  return isDecimalText(text) ? text : null
}

export function equal(left: JsonValue, right: JsonValue): boolean {
  if (typeof left === 'number' || typeof left === 'boolean') {
    if (typeof left === typeof right) return left === right
  } else if (typeof left === 'string' && typeof right === 'string') return equalTexts(left, right)
  return left === right || equalMixed(left, right)
}

export function notEqual(left: JsonValue, right: JsonValue): boolean {
  return !equal(left, right)
}

function equalMixed(left: JsonValue, right: JsonValue): boolean {
  if (left === null || right === null) return false
  if (Array.isArray(left) || Array.isArray(right) || isJsonObject(left) || isJsonObject(right))
    return false
  if (isDecimalPair(left, right)) return compareWithDecimal(left, right) === 0
  if (isExactNumber(left) || isExactNumber(right)) return compareExact(left, right) === 0
  return asNumber(left, right) === asNumber(right, left)
}

export function strictEqual(left: JsonValue, right: JsonValue): boolean {
  if (typeof left === 'string' && typeof right === 'string') return equalTexts(left, right)
  if (typeof left !== 'object' && typeof right !== 'object') return left === right
  return (
    left === right ||
    equalExact(left, right) ||
    equalTimes(left, right) ||
    equalDecimals(left, right)
  )
}

export function notStrictEqual(left: JsonValue, right: JsonValue): boolean {
  return !strictEqual(left, right)
}

/** Exact numbers are primitives to users, although each is an object of its own. */
function equalExact(left: JsonValue, right: JsonValue): boolean {
  return (
    isExactNumber(left) &&
    isExactNumber(right) &&
    compareDecimals(left.rawJSON, right.rawJSON) === 0
  )
}

/** By value; with a number as well, as with exact numbers. */
function equalDecimals(left: JsonValue, right: JsonValue): boolean {
  const isPair = [left, right].every(
    (value) => value instanceof Decimal || typeof value === 'number' || isExactNumber(value),
  )
  return isPair && isDecimalPair(left, right) && compareWithDecimal(left, right) === 0
}

function equalTimes(left: JsonValue, right: JsonValue): boolean {
  if (left instanceof Date)
    return left.getTime() === (right instanceof Date ? right.getTime() : right)
  return right instanceof Date && right.getTime() === left
}

function equalTexts(left: string, right: string): boolean {
  if (left.length !== right.length) return false
  if (left.length >= charsPerFuel) spendText(left.length)
  return left === right
}

export function typeOf(value: JsonValue): string {
  return isExactNumber(value) || value instanceof Decimal ? 'number' : typeof value
}

/** A field whose name is also a method of some built-in prototype: methods are no data. */
export function dataOnly(value: unknown): JsonValue {
  return value === undefined || typeof value === 'function' ? null : (value as JsonValue)
}

/** `rawJSON` is how an exact number keeps its text, not a field of the data. */
export function rawJsonField(value: JsonValue): JsonValue {
  return isJsonObject(value) && Object.hasOwn(value, 'rawJSON') ? (value['rawJSON'] ?? null) : null
}

/** Computed member access. */
export function member(value: JsonValue, key: JsonValue, source: string): JsonValue {
  if (value === null || key === null) return null
  if (typeof key === 'number') {
    if (Array.isArray(value)) return value[key] ?? null
    if (typeof value === 'string') return characterAt(value, key)
  }
  if (typeof key !== 'number' && typeof key !== 'string')
    return fail(`${source}: ${describe(key)} is no name of a field`)
  const name = fieldName(key, source)
  if (Array.isArray(value))
    return Object.hasOwn(value, name) ? (value[name as unknown as number] ?? null) : null
  if (typeof value === 'string')
    return name === 'length' ? value.length : characterAt(value, Number(name))
  return isJsonObject(value) && Object.hasOwn(value, name) ? (value[name] ?? null) : null
}

function characterAt(text: string, index: number): string | null {
  spendText(text.length)
  return text[index] ?? null
}

/** The name of a computed field. */
export function fieldName(key: JsonValue, source: string): string {
  if (typeof key === 'number') return String(key)
  if (typeof key !== 'string') return fail(`${source}: ${describe(key)} is no name of a field`)
  spendText(key.length)
  return refusedNames.has(key) ? fail(`${source}: the field name ${key} is not allowed`) : key
}

const noFields: JsonObject = Object.freeze({})

/** What `{...value}` takes fields from. */
export function spreadObject(value: JsonValue, source: string): JsonObject {
  if (value === null) return noFields
  if (!isJsonObject(value))
    return fail(`${source}: ... takes an object here, not ${describe(value)}`)
  spend(Object.keys(value).length)
  return value
}

const noElements: readonly JsonValue[] = Object.freeze([])

/** What `[...value]` takes elements from. */
export function spreadList(value: JsonValue, source: string): readonly JsonValue[] {
  if (value === null) return noElements
  return Array.isArray(value)
    ? value
    : fail(`${source}: ... takes a list here, not ${describe(value)}`)
}

/** A list literal with `...`; its size is known before it is made. */
export function joinLists(parts: readonly (readonly JsonValue[])[], source: string): JsonValue[] {
  let length = 0
  for (const part of parts) length += part.length
  if (length > maxListLength) tooMany(source)
  spend(length)
  return ([] as JsonValue[]).concat(...parts)
}

// oxlint-disable-next-line typescript/no-explicit-any -- of one or two operands, then the source
export type Operation = (...operands: any[]) => JsonValue
