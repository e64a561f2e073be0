import { Decimal } from '../../core/decimal.ts'
import { invariant } from '../../core/errors.ts'
import type { JsonValue } from '../../core/json.ts'

/** A decimal in a projection or a state, where a text would be a text: a list of its digits. */
export function taggedDecimal(value: Decimal): JsonValue {
  return [value.toString()]
}

/** null for what is no tagged decimal. */
export function untaggedDecimal(value: JsonValue | undefined): Decimal | null {
  if (!Array.isArray(value)) return null
  const [text] = value
  const decimal = typeof text === 'string' ? Decimal.parse(text) : null
  invariant(decimal !== null, 'a tagged decimal is a list of its digits')
  return decimal
}
