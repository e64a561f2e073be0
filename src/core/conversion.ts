import { z } from 'zod'
import { Decimal } from './decimal.ts'
import { decimalConverter } from './decimal-format.ts'
import { RecordFailure } from './errors.ts'
import { kindOf } from './field-edit.ts'
import { isoTimeMs } from './iso-time.ts'
import { decodeJson, encodeJson, isExactNumber, type JsonValue } from './json.ts'
import { tellsOffset, timeFormat } from './time-format.ts'
import { isTimeZone, TimeZone } from './time-zone.ts'

const targets = {
  number: 'a number',
  integer: 'an integer',
  boolean: 'true or false',
  string: 'a text',
  decimal: 'a decimal',
  timestamp: 'a time',
} as const
type Target = keyof typeof targets

const target = z
  .enum(Object.keys(targets) as [Target, ...Target[]])
  .describe(
    'number and integer take decimal digits in text; decimal does too and stays exact, as a text in the output; boolean takes true/false, yes/no, t/f, y/n and 1/0; timestamp takes ISO 8601 and epoch milliseconds, or `formats`.',
  )

const rule = z
  .strictObject({
    type: target,
    formats: z
      .array(z.string().min(1).superRefine(checkFormat))
      .min(1)
      .optional()
      .describe(
        'For timestamp: the forms that the text may have instead of ISO 8601, such as `dd-MM-yyyy HH:mm` or `dd/MMM/yyyy:HH:mm:ss Z`, out of yyyy yy MM M dd d HH H mm ss SSS, MMM (Jan), Z (+0200, -07:00, Z) and what stands between.',
      ),
    timezone: z
      .string()
      .refine(isTimeZone, 'a time zone is a name such as Europe/Amsterdam')
      .optional()
      .describe(
        'For timestamp: where the clock hangs whose times the text shows when it names no zone. UTC by default.',
      ),
    decimal: z
      .enum([',', '.'])
      .optional()
      .describe('For decimal: what stands before the decimals in the text. A point by default.'),
    group: z
      .enum(['.', ',', ' ', "'", '_'])
      .optional()
      .describe('For decimal: what may stand between groups of three digits. Nothing by default.'),
    empty: z
      .array(z.union([z.string(), z.number()]).transform(String))
      .default([])
      .describe('Values that are read as null; null, missing and the empty text always are.'),
    on_fail: z
      .union([z.literal('fail'), z.null(), z.literal('null')])
      .default('fail')
      .describe('What a value that cannot be converted does: fail the record, or become null.'),
  })
  .superRefine(({ type, formats, timezone, decimal, group }, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', message })
    if (type !== 'timestamp' && (formats ?? timezone) !== undefined)
      refuse('`formats` and `timezone` go with the type timestamp only')
    if (type !== 'decimal' && (decimal ?? group) !== undefined)
      refuse('`decimal` and `group` go with the type decimal only')
    if (group !== undefined && group === (decimal ?? '.'))
      refuse('`decimal` and `group` are the same character')
  })
export type CastRule = z.output<typeof rule>

/** The type that a value is converted to, or the type with its options. */
export function castRule() {
  return z
    .union([target.transform((type): CastRule => ({ type, empty: [], on_fail: 'fail' })), rule])
    .describe('The type, or the type with its options.')
}

/** Undefined for what cannot be converted. */
type Converter = (value: JsonValue) => JsonValue | undefined

/** @throws RecordFailure (the function that it returns) RECORD_CAST */
export function conversion(field: string, options: CastRule): (value: JsonValue) => JsonValue {
  const convert = converterOf(options)
  const isEmpty = emptyTest(options.empty)
  return (value) => {
    if (value === null || value === '' || isEmpty?.(value) === true) return null
    const converted = convert(value)
    if (converted !== undefined) return converted
    if (options.on_fail !== 'fail') return null
    throw new RecordFailure(
      'RECORD_CAST',
      `${field}: ${shown(value)} is not ${targets[options.type]}`,
    )
  }
}

function converterOf(options: CastRule): Converter {
  if (options.type === 'timestamp') return timestampConverter(options)
  return options.type === 'decimal' ? decimalConverter(options) : converters[options.type]
}

function emptyTest(texts: readonly string[]): ((value: JsonValue) => boolean) | null {
  if (texts.length === 0) return null
  const empty = new Set(texts)
  return (value) => {
    if (typeof value === 'string') return empty.has(value) || empty.has(value.trim())
    return typeof value === 'number' && empty.has(String(value))
  }
}

const converters: Record<Exclude<Target, 'timestamp' | 'decimal'>, Converter> = {
  number: toNumber,
  integer: toInteger,
  boolean: toBoolean,
  string: toText,
}

const decimalPattern = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/
const wholePattern = /^[+-]?\d+$/

function toNumber(value: JsonValue): JsonValue | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'string') return numberOfText(value.trim())
  if (isExactNumber(value)) return numberOfText(value.rawJSON)
  if (value instanceof Decimal) return Decimal.toNumber(value)
  return value instanceof Date ? value.getTime() : undefined
}

/** Only white space was in a text that is empty here: it is null as the empty text is. */
function numberOfText(text: string): JsonValue | undefined {
  if (text === '') return null
  if (!decimalPattern.test(text)) return undefined
  const number = Number(text)
  if (!Number.isFinite(number)) return undefined
  const isExact = !Number.isInteger(number) || Number.isSafeInteger(number)
  return isExact || !wholePattern.test(text) ? number : decodeJson(jsonInteger(text))
}

/** Digits as JSON has them: without a plus and zeros in front. */
function jsonInteger(text: string): string {
  return text.replace(/^\+/, '').replace(/^(-?)0+(?=\d)/, '$1')
}

function toInteger(value: JsonValue): JsonValue | undefined {
  const number = toNumber(value)
  return typeof number !== 'number' || Number.isInteger(number) ? number : undefined
}

const booleans = new Map<string, boolean>([
  ...['true', 't', 'yes', 'y', '1'].map((text) => [text, true] as const),
  ...['false', 'f', 'no', 'n', '0'].map((text) => [text, false] as const),
])

function toBoolean(value: JsonValue): JsonValue | undefined {
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return booleans.get(String(value))
  if (typeof value !== 'string') return undefined
  const text = value.trim().toLowerCase()
  return text === '' ? null : booleans.get(text)
}

function toText(value: JsonValue): JsonValue | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (isExactNumber(value)) return value.rawJSON
  if (value instanceof Decimal) return value.toString()
  return value instanceof Date ? value.toISOString() : undefined
}

/** The farthest that a `Date` reaches, in ms on both sides of 1970. */
const maxEpochMs = 8.64e15

function timestampConverter({ formats, timezone }: CastRule): Converter {
  const zone = timezone === undefined || timezone === 'UTC' ? null : new TimeZone(timezone)
  const readers = (formats ?? []).map((format) => ({
    read: timeFormat(format),
    zone: tellsOffset(format) ? null : zone,
  }))
  return (value) => {
    if (value instanceof Date) return value
    const isNumber = typeof value === 'number'
    if (!isNumber && typeof value !== 'string') return undefined
    if (isNumber && formats === undefined)
      return Math.abs(value) <= maxEpochMs ? new Date(value) : undefined
    const text = isNumber ? String(value) : value.trim()
    if (text === '') return null
    if (formats === undefined) return dateOf(isoTimeMs(text, zone))
    for (const { read, zone: own } of readers) {
      const localMs = read(text)
      if (!Number.isNaN(localMs)) return dateOf(own === null ? localMs : own.toEpochMs(localMs))
    }
    return undefined
  }
}

function dateOf(epochMs: number): Date | undefined {
  return Number.isNaN(epochMs) ? undefined : new Date(epochMs)
}

function checkFormat(format: string, context: z.RefinementCtx): void {
  try {
    timeFormat(format)
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown
    context.addIssue({ code: 'custom', message: thrown.message })
  }
}

const maxShownLength = 40

/** A value as messages show it, shortened. */
function shown(value: JsonValue): string {
  if (typeof value === 'object' && !isExactNumber(value)) return kindOf(value)
  const text = encodeJson(typeof value === 'string' ? value.slice(0, maxShownLength + 1) : value)
  return text.length <= maxShownLength ? text : `${text.slice(0, maxShownLength)}...`
}
