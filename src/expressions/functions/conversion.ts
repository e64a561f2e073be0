import { Decimal } from '../../core/decimal.ts'
import { isExactNumber, type JsonValue } from '../../core/json.ts'
import { isDecimalText } from '../decimal-text.ts'
import { defineFunction, type FunctionDefinition } from '../function-definition.ts'
import { isoText } from '../operations.ts'
import { describe, exactly, fail, failNumber, textIn, typeName } from '../values.ts'

export const conversionFunctions: readonly FunctionDefinition[] = [
  defineFunction('number(x, fallback?)', {
    summary:
      'The number that a text spells; true is 1, false 0, an empty text null. What is no number fails the record, or gives the fallback.',
    examples: [
      ["number('12.50')", 12.5],
      ["number('n/a', null)", null],
      ["number('')", null],
    ],
    call: (value: JsonValue, fallback?: JsonValue) => {
      const number = readNumber(value)
      if (number !== undefined) return number === null ? null : exactly(number, 'number')
      return fallback === undefined ? fail(`number: ${describe(value)} is no number`) : fallback
    },
  }),
  defineFunction('integer(x, fallback?)', {
    summary: 'As `number`, but the number must be whole.',
    examples: [
      ["integer('12')", 12],
      ["integer('1.5', 0)", 0],
    ],
    call: (value: JsonValue, fallback?: JsonValue) => {
      const number = readNumber(value)
      if (number === null) return null
      if (number !== undefined && Number.isInteger(number)) return exactly(number, 'integer')
      return fallback === undefined
        ? fail(`integer: ${describe(value)} is no whole number`)
        : fallback
    },
  }),
  defineFunction('decimal(x, fallback?)', {
    summary:
      'The decimal that a text spells, or a number as it is written: exact in `+ - * %`, comparison and `sum`, and a text in the output. An empty text is null. What is no number fails the record, or gives the fallback.',
    examples: [
      ["decimal('0.10') + decimal('0.2')", '0.30'],
      ["decimal('n/a', null)", null],
      ["decimal('12.50') == 12.5", true],
    ],
    call: (value: JsonValue, fallback?: JsonValue) => {
      if (value === null || value instanceof Decimal) return value
      const text = typeof value === 'boolean' ? '' : value instanceof Date ? '' : plainText(value)
      if (typeof value === 'string' && text === '') return null
      const decimal = text === null ? null : Decimal.parse(text)
      if (decimal !== null) return decimal
      return fallback === undefined ? fail(`decimal: ${describe(value)} is no decimal`) : fallback
    },
  }),
  defineFunction('string(x)', {
    summary:
      'The text of a number, boolean or timestamp (ISO 8601); for lists and objects see `to_json`.',
    examples: [
      ['string(12.5)', '12.5'],
      ['string(true)', 'true'],
    ],
    call: (value: JsonValue) => {
      if (typeof value === 'boolean') return String(value)
      return value instanceof Date ? isoText(value, 'string') : textIn(value, 'string')
    },
  }),
  defineFunction('boolean(x, fallback?)', {
    summary:
      "True for true, 1, '1' and 'true'; false for false, 0, '0' and 'false', in any case. Anything else fails the record, or gives the fallback.",
    examples: [
      ["boolean('TRUE')", true],
      ['boolean(0)', false],
      ["boolean('maybe', null)", null],
    ],
    call: (value: JsonValue, fallback?: JsonValue) => {
      if (value === null || value === '') return null
      const known = typeof value === 'string' ? value.trim().toLowerCase() : value
      if (known === true || known === 1 || known === '1' || known === 'true') return true
      if (known === false || known === 0 || known === '0' || known === 'false') return false
      return fallback === undefined
        ? fail(`boolean: ${describe(value)} is neither true nor false`)
        : fallback
    },
  }),
  defineFunction('type(x)', {
    summary: 'null, boolean, number, string, timestamp, list or object.',
    examples: [
      ['type([1])', 'list'],
      ['type(null)', 'null'],
    ],
    call: typeName,
  }),
  defineFunction('is_null(x)', {
    summary: 'Whether the value is null or missing.',
    examples: [['is_null(value.missing)', true]],
    inline: ([code]) => `(${code} === null)`,
    call: (value: JsonValue) => value === null,
  }),
  defineFunction('if_null(x, otherwise)', {
    summary: 'The value, or the second one where the first is null or missing.',
    examples: [['if_null(value.missing, 0)', 0]],
    inline: coalesceCode,
    call: (value: JsonValue, otherwise: JsonValue) => value ?? otherwise,
  }),
  defineFunction('coalesce(...values)', {
    summary: 'The first of the values that is not null.',
    examples: [['coalesce(value.missing, null, 3)', 3]],
    inline: coalesceCode,
    call: (...values: JsonValue[]) => values.find((value) => value !== null) ?? null,
  }),
]

function coalesceCode(codes: readonly string[]): string {
  return `(${codes.join(' ?? ')})`
}

/** null for what is neither text nor number. */
function plainText(value: JsonValue): string | null {
  if (typeof value === 'string') return textIn(value, 'decimal')!.trim()
  if (typeof value === 'number') return String(exactly(value, 'decimal'))
  return isExactNumber(value) ? value.rawJSON : null
}

/** Undefined for what spells no number. */
function readNumber(value: JsonValue): number | null | undefined {
  if (typeof value === 'number' || value === null) return value
  if (typeof value === 'boolean') return Number(value)
  if (value instanceof Date) return value.getTime()
  if (value instanceof Decimal) return finite(value.toString())
  // Asked for in so many words, the nearest double is what is wanted.
  if (isExactNumber(value)) return finite(value.rawJSON)
  if (typeof value !== 'string') return undefined
  const text = textIn(value, 'number')!.trim()
  if (text === '') return null
  return isDecimalText(text) ? finite(text) : undefined
}

function finite(text: string): number {
  const number = Number(text)
  return Number.isFinite(number) ? number : failNumber(`number: ${describe(text)} is too large`)
}
