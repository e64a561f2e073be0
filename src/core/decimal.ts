/** Digits that a decimal may have: a few multiplications of what data holds never come near. */
export const maxDecimalDigits = 1_000
/** Significant digits of a quotient that does not end, as of IEEE 754's decimal128. */
const quotientDigits = 34

const decimalPattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/

/**
 * A decimal number of any size, exactly: what amounts of money are calculated with. It is itself inside the
 * stage that made it and leaves the stage as text, with the decimals that it has (`12.50`). Its parts and
 * what is done with it are out of reach of names in expressions: there are no fields and no methods.
 *
 * What gives null has too many digits.
 */
export class Decimal {
  /** The value is units / 10^scale. */
  readonly #units: bigint
  /** Decimals, 0 or more. */
  readonly #scale: number

  private constructor(units: bigint, scale: number) {
    this.#units = units
    this.#scale = scale
  }

  static of(units: bigint, scale: number): Decimal | null {
    if (scale > maxDecimalDigits || digitsOf(units) > maxDecimalDigits) return null
    return new Decimal(units, scale)
  }

  /** As JSON and people write numbers, with or without an exponent; null also for what is none. */
  static parse(text: string): Decimal | null {
    if (text.length > 2 * maxDecimalDigits) return null
    const [all, sign, whole = '', fraction = '', exponent = '0'] = decimalPattern.exec(text) ?? []
    if (all === undefined || whole + fraction === '') return null
    const scale = fraction.length - Number(exponent)
    // An exponent is written out, so that it must not stand for more digits than there may be.
    if (Math.abs(scale) > maxDecimalDigits) return null
    const units = BigInt(whole + fraction) * (scale < 0 ? 10n ** BigInt(-scale) : 1n)
    return Decimal.of(sign === '-' ? -units : units, Math.max(0, scale))
  }

  /** The decimal that the number is written as, such as 0.1; null also for what is not finite. */
  static fromNumber(value: number): Decimal | null {
    return Number.isFinite(value) ? Decimal.parse(String(value)) : null
  }

  static add(this: void, left: Decimal, right: Decimal): Decimal | null {
    const scale = Math.max(left.#scale, right.#scale)
    return Decimal.of(left.#at(scale) + right.#at(scale), scale)
  }

  static subtract(this: void, left: Decimal, right: Decimal): Decimal | null {
    return Decimal.add(left, Decimal.negate(right))
  }

  static multiply(this: void, left: Decimal, right: Decimal): Decimal | null {
    return Decimal.of(left.#units * right.#units, left.#scale + right.#scale)
  }

  /**
   * Exact where the quotient ends within 34 significant digits, else rounded to as many, halves away from
   * zero; null also for a division by zero.
   */
  static divide(this: void, left: Decimal, right: Decimal): Decimal | null {
    if (right.#units === 0n) return null
    const scale = left.#scale - right.#scale
    // One digit more than is kept, at least: the rest only says on which side of a half it lies.
    const missing = quotientDigits + 1 - (digitsOf(left.#units) - digitsOf(right.#units))
    const more = Math.max(0, missing, -scale)
    const quotient = (left.#units * 10n ** BigInt(more)) / right.#units
    const cut = Math.max(0, digitsOf(quotient) - quotientDigits)
    const rounded = Decimal.round(
      new Decimal(quotient, scale + more),
      Math.max(0, scale + more - cut),
    )
    return rounded === null ? null : Decimal.#shortened(rounded, Math.max(0, scale))
  }

  /** The rest of the division, with the sign of the first; null also for a division by zero. */
  static remainder(this: void, left: Decimal, right: Decimal): Decimal | null {
    if (right.#units === 0n) return null
    const scale = Math.max(left.#scale, right.#scale)
    return Decimal.of(left.#at(scale) % right.#at(scale), scale)
  }

  static negate(value: Decimal): Decimal {
    return new Decimal(-value.#units, value.#scale)
  }

  /** With so many decimals, halves away from zero. */
  static round(value: Decimal, decimals: number): Decimal | null {
    if (decimals >= value.#scale) return Decimal.of(value.#at(decimals), decimals)
    const divisor = 10n ** BigInt(value.#scale - decimals)
    const half = divisor / 2n
    const units = value.#units < 0n ? value.#units - half : value.#units + half
    return Decimal.of(units / divisor, decimals)
  }

  /** The whole number next to it: towards zero, below or above. */
  static whole(value: Decimal, towards: 'zero' | 'below' | 'above'): Decimal {
    const divisor = 10n ** BigInt(value.#scale)
    const truncated = value.#units / divisor
    const rest = value.#units % divisor
    if (towards === 'below' && rest < 0n) return new Decimal(truncated - 1n, 0)
    if (towards === 'above' && rest > 0n) return new Decimal(truncated + 1n, 0)
    return new Decimal(truncated, 0)
  }

  /** Negative, zero or positive: in numbers, 1.5 and 1.50 are equal. */
  static compare(left: Decimal, right: Decimal): number {
    const scale = Math.max(left.#scale, right.#scale)
    const a = left.#at(scale)
    const b = right.#at(scale)
    return a < b ? -1 : a > b ? 1 : 0
  }

  /** -1, 0 or 1. */
  static sign(this: void, value: Decimal): number {
    return value.#units < 0n ? -1 : value.#units > 0n ? 1 : 0
  }

  /** The double next to it. */
  static toNumber(value: Decimal): number {
    return Number(value.toString())
  }

  static #shortened(value: Decimal, leastDecimals: number): Decimal {
    let units = value.#units
    let scale = value.#scale
    while (scale > leastDecimals && units % 10n === 0n) {
      units /= 10n
      scale -= 1
    }
    return new Decimal(units, scale)
  }

  toString(): string {
    if (this.#scale === 0) return String(this.#units)
    const isNegative = this.#units < 0n
    const digits = String(isNegative ? -this.#units : this.#units).padStart(this.#scale + 1, '0')
    const point = digits.length - this.#scale
    return `${isNegative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`
  }

  toJSON(): string {
    return this.toString()
  }

  #at(scale: number): bigint {
    return scale === this.#scale ? this.#units : this.#units * 10n ** BigInt(scale - this.#scale)
  }
}

/** At least 1. */
function digitsOf(units: bigint): number {
  return String(units < 0n ? -units : units).length
}
