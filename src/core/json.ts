import { Decimal } from './decimal.ts'

/**
 * A number that a double cannot hold exactly (an integer above 2^53, a long decimal, 1e400). It is
 * kept as its source text, so that a field no step touched leaves the pipeline as it came in.
 */
export interface ExactNumber {
  readonly rawJSON: string
}

/**
 * What a record's value is made of. A `Date` stands for a timestamp inside the stage that cast it; it
 * leaves the stage as ISO 8601 text. So does a `Decimal`, as text of its digits.
 */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | Date
  | Decimal
  | ExactNumber
  | JsonValue[]
  | JsonObject
export interface JsonObject {
  [name: string]: JsonValue
}

interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown
  rawJSON(text: string): ExactNumber
  isRawJSON(value: unknown): boolean
}
/** ECMAScript's source text access for JSON; in the Node we require, not yet in TypeScript's library. */
const exactJson = JSON as unknown as JsonWithSource

const maxDepth = 1_000
/** A text shorter than this cannot be nested deeper than `maxDepth`. */
const deepTextLength = 2 * maxDepth
const exactDigits = 16

export function isExactNumber(value: unknown): value is ExactNumber {
  return (
    typeof value === 'object' &&
    value !== null &&
    // A property look-up spares nearly every object the slower call.
    (value as { rawJSON?: unknown }).rawJSON !== undefined &&
    exactJson.isRawJSON(value)
  )
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !(value instanceof Decimal) &&
    !isExactNumber(value)
  )
}

/**
 * Decodes JSON text. Numbers that a double would change come back as `ExactNumber`.
 * @throws SyntaxError when the text is no JSON; RangeError when it nests deeper than 1,000 levels.
 */
export function decodeJson(text: string): JsonValue {
  if (text.length >= deepTextLength) refuseDeepNesting(text)
  if (mayHoldInexactNumber(text)) return exactJson.parse(text, keepExact) as JsonValue
  return JSON.parse(text) as JsonValue
}

/**
 * Encodes a value as JSON text; exact numbers come out as they came in.
 * @throws RangeError when the value nests too deep for the stack.
 */
export function encodeJson(value: JsonValue): string {
  return JSON.stringify(value)
}

function keepExact(_key: string, value: unknown, context: { source?: string }): unknown {
  if (typeof value !== 'number' || context.source === undefined) return value
  return isExactIn(value, context.source) ? value : exactJson.rawJSON(context.source)
}

/** Whether the double `value` still says what its JSON `source` said. */
function isExactIn(value: number, source: string): boolean {
  if (Number.isSafeInteger(value) && !/[.eE]/.test(source)) return true
  if (!Number.isFinite(value)) return false
  return normalizedDigits(String(value)) === normalizedDigits(source)
}

/** Sign, significant digits without outer zeros, and decimal exponent: equal for equal decimal numbers. */
function normalizedDigits(text: string): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e')
  const negative = mantissa.startsWith('-')
  const [whole = '', fraction = ''] = (negative ? mantissa.slice(1) : mantissa).split('.')
  const digits = (whole + fraction).replace(/^0+/, '')
  if (digits === '') return '0'
  const significant = digits.replace(/0+$/, '')
  const power = Number(exponent) - fraction.length + (digits.length - significant.length)
  return `${negative ? '-' : ''}${significant}e${power}`
}

/**
 * A cheap look for what a double may not hold: a run of 16 digits and points (looked for from every
 * 16th character backwards), or an exponent after a digit.
 */
function mayHoldInexactNumber(text: string): boolean {
  let at = exactDigits - 1
  while (at < text.length) {
    let back = at
    while (isDigitOrPoint(text.charCodeAt(back))) {
      if (at - back === exactDigits - 1) return true
      back -= 1
    }
    at = back + exactDigits
  }
  return wideExponent.test(text) && numberWithExponent.test(text)
}

/** Only an exponent of three digits or more can leave the range of a double. */
const wideExponent = /\d[eE][+-]?\d{3}/
const numberWithExponent = /[:,[\s]-?\d[\d.]*[eE]|^-?\d[\d.]*[eE]/

function isDigitOrPoint(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 46
}

function refuseDeepNesting(text: string): void {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (inString) {
      if (code === 92) at += 1
      else if (code === 34) inString = false
    } else if (code === 34) inString = true
    else if (code === 91 || code === 123) {
      depth += 1
      if (depth > maxDepth) throw new RangeError(`nested deeper than ${maxDepth} levels`)
    } else if (code === 93 || code === 125) depth -= 1
  }
}
