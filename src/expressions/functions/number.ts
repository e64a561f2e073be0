import { Decimal } from '../../core/decimal.ts'
import type { JsonValue } from '../../core/json.ts'
import { defineFunction, type FunctionDefinition } from '../function-definition.ts'
import { exactly, fail, failNumber, numberIn, wholeIn } from '../values.ts'

/** Decimal places that `round` takes; a double has no more. */
const maxDigits = 15
/** The same for a decimal. */
const maxDecimalPlaces = 100

function numeric(
  name: string,
  change: (value: number) => number,
  ofDecimal?: (value: Decimal) => JsonValue,
): (value: JsonValue) => JsonValue {
  return (value) => {
    if (value instanceof Decimal && ofDecimal !== undefined) return ofDecimal(value)
    const number = numberIn(value, name)
    return number === null ? null : exactly(change(number), name)
  }
}

export const numberFunctions: readonly FunctionDefinition[] = [
  defineFunction('abs(x)', {
    summary: 'The number without its sign.',
    examples: [['abs(-3)', 3]],
    call: numeric('abs', Math.abs, (value) =>
      Decimal.sign(value) < 0 ? Decimal.negate(value) : value,
    ),
  }),
  defineFunction('round(x, digits?)', {
    summary:
      'The nearest number with so many decimals (none by default); halves away from zero, as on paper.',
    examples: [
      ['round(2.5)', 3],
      ['round(1.005, 2)', 1.01],
      ['round(-2.5)', -3],
      ["round(decimal('12.345'), 2)", '12.35'],
    ],
    call: (value: JsonValue, digits: JsonValue = 0) => {
      const places = wholeIn(digits, 'round')
      const most = value instanceof Decimal ? maxDecimalPlaces : maxDigits
      if (places !== null && (places < 0 || places > most))
        return fail(`round takes 0 to ${most} decimals`)
      if (value instanceof Decimal && places !== null)
        return Decimal.round(value, places) ?? failNumber('round: the decimal has too many digits')
      const number = numberIn(value, 'round')
      if (number === null || places === null) return null
      return exactly(roundTo(number, places), 'round')
    },
  }),
  defineFunction('floor(x)', {
    summary: 'The next whole number below.',
    examples: [['floor(-1.5)', -2]],
    call: numeric('floor', Math.floor, (value) => Decimal.whole(value, 'below')),
  }),
  defineFunction('ceil(x)', {
    summary: 'The next whole number above.',
    examples: [['ceil(1.2)', 2]],
    call: numeric('ceil', Math.ceil, (value) => Decimal.whole(value, 'above')),
  }),
  defineFunction('trunc(x)', {
    summary: 'The number without its decimals.',
    examples: [['trunc(-1.7)', -1]],
    call: numeric('trunc', Math.trunc, (value) => Decimal.whole(value, 'zero')),
  }),
  defineFunction('sign(x)', {
    summary: '-1, 0 or 1.',
    examples: [['sign(-12)', -1]],
    call: numeric('sign', Math.sign, Decimal.sign),
  }),
  defineFunction('sqrt(x)', {
    summary: 'The square root.',
    examples: [['sqrt(9)', 3]],
    call: numeric('sqrt', Math.sqrt),
  }),
  defineFunction('exp(x)', {
    summary: 'e to the power of x.',
    examples: [['exp(0)', 1]],
    call: numeric('exp', Math.exp),
  }),
  defineFunction('log(x, base?)', {
    summary: 'The logarithm, to the base e by default.',
    examples: [
      ['log(1)', 0],
      ['log(8, 2)', 3],
      ['log(1000, 10)', 3],
    ],
    call: (value: JsonValue, base?: JsonValue) => {
      const number = numberIn(value, 'log')
      const other = base === undefined ? Math.E : numberIn(base, 'log')
      return number === null || other === null ? null : exactly(logarithm(number, other), 'log')
    },
  }),
  defineFunction('pow(x, exponent)', {
    summary: 'x to the power of the exponent.',
    examples: [['pow(2, 10)', 1024]],
    call: (value: JsonValue, exponent: JsonValue) => {
      const number = numberIn(value, 'pow')
      const other = numberIn(exponent, 'pow')
      return number === null || other === null ? null : exactly(number ** other, 'pow')
    },
  }),
]

/** The bases with a function of their own have exact results for exact powers. */
function logarithm(value: number, base: number): number {
  if (base === Math.E) return Math.log(value)
  if (base === 2) return Math.log2(value)
  return base === 10 ? Math.log10(value) : Math.log(value) / Math.log(base)
}

function roundTo(value: number, digits: number): number {
  const magnitude = Math.abs(value)
  if (digits === 0) return Math.sign(value) * Math.round(magnitude)
  const scale = 10 ** digits
  const scaled = magnitude * scale
  const isNearHalf = Math.abs(scaled - Math.floor(scaled) - 0.5) < 1e-6
  // Near a half the product's own rounding decides (1.005 * 100 is 100.49...): shift the decimal text.
  const rounded = isNearHalf
    ? shifted(Math.round(shifted(magnitude, digits)), -digits)
    : Math.round(scaled) / scale
  return Math.sign(value) * rounded
}

function shifted(value: number, places: number): number {
  const [digits = '', exponent = '0'] = String(value).split('e')
  return Number(`${digits}e${Number(exponent) + places}`)
}
