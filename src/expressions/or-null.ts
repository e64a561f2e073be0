import { Decimal } from '../core/decimal.ts'
import type { JsonValue } from '../core/json.ts'
import {
  add,
  divide,
  multiply,
  negate,
  type Operation,
  power,
  remainder,
  subtract,
  toNumber,
} from './operations.ts'

const binary: ReadonlySet<Operation> = new Set<Operation>([
  add,
  subtract,
  multiply,
  divide,
  remainder,
  power,
])
const unary: ReadonlySet<Operation> = new Set<Operation>([negate, toNumber])
const dividing: ReadonlySet<Operation> = new Set<Operation>([divide, remainder])

function isZero(value: JsonValue): boolean {
  return value === 0 || (value instanceof Decimal && Decimal.sign(value) === 0)
}

/**
 * Arithmetic for the results of aggregates: null for a null operand (an aggregate over nothing) and for
 * division by zero, as in `sum(value.amount) / count(value.paid)`. A window in which nothing was paid
 * has a result without that field, instead of none at all. Other operations stay as they are.
 */
export function orNull(operation: Operation): Operation {
  if (unary.has(operation)) {
    return (value: JsonValue, source: string) => (value === null ? null : operation(value, source))
  }
  if (!binary.has(operation)) return operation
  const isDividing = dividing.has(operation)
  return (left: JsonValue, right: JsonValue, source: string) => {
    if (left === null || right === null || (isDividing && isZero(right))) return null
    return operation(left, right, source)
  }
}
