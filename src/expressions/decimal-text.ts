/** Decimal numbers as text, for those that a double cannot hold. */

const decimalPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,9})?$/

export function isDecimalText(text: string): boolean {
  return decimalPattern.test(text)
}

/** The order of two decimal texts by value: negative, zero or positive. Never expands an exponent. */
export function compareDecimals(left: string, right: string): number {
  const a = readDecimal(left)
  const b = readDecimal(right)
  if (a.sign !== b.sign) return a.sign - b.sign
  if (a.scale !== b.scale) return a.scale > b.scale ? a.sign : -a.sign
  if (a.digits === b.digits) return 0
  return a.digits > b.digits ? a.sign : -a.sign
}

interface Decimal {
  readonly sign: -1 | 0 | 1
  /** Significant digits with no zeros around them, read as 0.DIGITS: text order is number order. */
  readonly digits: string
  /** The power of ten that 0.DIGITS is multiplied by. */
  readonly scale: number
}

function readDecimal(text: string): Decimal {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e')
  const negative = mantissa.startsWith('-')
  const [whole = '', fraction = ''] = mantissa.replace(/^[+-]/, '').split('.')
  const all = whole + fraction
  const leading = all.length - all.replace(/^0+/, '').length
  const digits = trimTrailingZeros(all.slice(leading))
  if (digits === '') return { sign: 0, digits, scale: 0 }
  return { sign: negative ? -1 : 1, digits, scale: Number(exponent) + whole.length - leading }
}

/** By hand: a regular expression for it takes quadratic time on long runs of inner zeros. */
function trimTrailingZeros(digits: string): string {
  let end = digits.length
  while (end > 0 && digits.charCodeAt(end - 1) === 48) end -= 1
  return digits.slice(0, end)
}
