import { Decimal } from './decimal.ts'
import { isExactNumber, type JsonValue } from './json.ts'

/** How decimals stand in texts: what is before the decimals, and what may be between groups of three digits. */
export interface DecimalFormat {
  readonly decimal?: ',' | '.' | undefined
  readonly group?: '.' | ',' | ' ' | "'" | '_' | undefined
}

/** Makes decimals of texts and numbers; undefined for what is none, null for a text without anything. */
export function decimalConverter({
  decimal = '.',
  group,
}: DecimalFormat): (value: JsonValue) => JsonValue | undefined {
  const grouped = group === undefined ? null : groupPattern(group, decimal)
  return (value) => {
    if (value instanceof Decimal) return value
    if (typeof value === 'number') return Decimal.fromNumber(value) ?? undefined
    if (isExactNumber(value)) return Decimal.parse(value.rawJSON) ?? undefined
    if (typeof value !== 'string') return undefined
    const text = value.trim()
    if (text === '') return null
    const plain = grouped?.test(text) === true ? text.replaceAll(group!, '') : text
    if (decimal === '.') return Decimal.parse(plain) ?? undefined
    // A point means nothing then: 12.50 could be as well meant as 1250.
    return plain.includes('.') ? undefined : (Decimal.parse(plain.replace(',', '.')) ?? undefined)
  }
}

/** Digits in groups of three, of which the first may have fewer; the decimals have no groups. */
function groupPattern(group: string, decimal: string): RegExp {
  return new RegExp(`^[+-]?\\d{1,3}(?:[${group}]\\d{3})+(?:[${decimal}]\\d*)?$`)
}
