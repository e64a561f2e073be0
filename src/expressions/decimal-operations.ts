import { Decimal, maxDecimalDigits } from '../core/decimal.ts'
import { isExactNumber, type JsonValue } from '../core/json.ts'
import { spend } from './fuel.ts'
import { describe, exactly, fail, failNumber } from './values.ts'

/** Arithmetic in which one operand at least is a decimal: a number beside it counts as it is written. */

type Calculate = (left: Decimal, right: Decimal) => Decimal | null

export function isDecimalPair(left: JsonValue, right: JsonValue): boolean {
  return left instanceof Decimal || right instanceof Decimal
}

export function calculate(
  run: Calculate,
  operands: readonly [JsonValue, JsonValue],
  source: string,
): Decimal {
  const left = decimalOf(operands[0], source)
  const right = decimalOf(operands[1], source)
  spend(digitsFuel)
  return (
    run(left, right) ?? failNumber(`${source}: a decimal has ${maxDecimalDigits} digits at most`)
  )
}

export function quotient(
  run: Calculate,
  operands: readonly [JsonValue, JsonValue],
  source: string,
): Decimal {
  const right = decimalOf(operands[1], source)
  if (Decimal.sign(right) === 0) failNumber(`${source} gives no number`)
  return calculate(run, [operands[0], right], source)
}

/** Numbers of a thousand digits cost as much as a walk over a list. */
const digitsFuel = 4

/** @throws RecordFailure for what is no number. */
export function decimalOf(value: JsonValue, source: string): Decimal {
  if (value instanceof Decimal) return value
  if (value === null) return fail(`${source}: arithmetic on null`)
  if (typeof value === 'number')
    return Decimal.fromNumber(exactly(value, source)) ?? tooLong(source)
  if (isExactNumber(value)) return Decimal.parse(value.rawJSON) ?? tooLong(source)
  return fail(`${source} takes a number, not ${describe(value)}`)
}

/** As `compare`; NaN where the other operand is no number. */
export function compareWithDecimal(left: JsonValue, right: JsonValue): number {
  const a = comparable(left)
  const b = comparable(right)
  return a === null || b === null ? Number.NaN : Decimal.compare(a, b)
}

function comparable(value: JsonValue): Decimal | null {
  if (value instanceof Decimal) return value
  if (typeof value === 'number') return Decimal.fromNumber(value)
  if (typeof value === 'boolean') return Decimal.of(BigInt(value), 0)
  if (typeof value === 'string') return Decimal.parse(value.trim())
  if (value instanceof Date) return Decimal.fromNumber(value.getTime())
  return isExactNumber(value) ? Decimal.parse(value.rawJSON) : null
}

function tooLong(source: string): never {
  return failNumber(`${source}: a decimal has ${maxDecimalDigits} digits at most`)
}
