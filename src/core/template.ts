import { Decimal } from './decimal.ts'
import { Expression } from './expression.ts'
import { isExactNumber, type JsonValue } from './json.ts'
import type { StepRecord } from './step-record.ts'

/** A text of a pipeline file with expressions in it: `cdc.${value.table}`. Bound like `Expression`. */
export class Template {
  readonly source: string
  /** What stands in the file, in its order. */
  readonly parts: readonly (string | Expression)[]

  /** @throws SyntaxError when a `${` has no end, or nothing in it. */
  constructor(source: string) {
    this.source = source
    this.parts = templateParts(source)
  }

  get expressions(): readonly Expression[] {
    return this.parts.filter((part) => part instanceof Expression)
  }

  /**
   * The text for one record; null where an expression gives null, a list or an object, which are no text.
   * @throws RecordFailure when an expression cannot be evaluated on this record.
   */
  render(record: StepRecord): string | null {
    let text = ''
    for (const part of this.parts) {
      const piece = typeof part === 'string' ? part : textOf(part.evaluate(record))
      if (piece === null) return null
      text += piece
    }
    return text
  }
}

function textOf(value: JsonValue): string | null {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Decimal) return value.toString()
  return isExactNumber(value) ? value.rawJSON : null
}

function templateParts(source: string): (string | Expression)[] {
  const parts: (string | Expression)[] = []
  let at = 0
  for (;;) {
    const start = source.indexOf('${', at)
    if (start === -1) break
    const end = endOfExpression(source, start + 2)
    const expression = source.slice(start + 2, end).trim()
    if (expression === '') throw new SyntaxError('there is no expression between "${" and "}"')
    if (start > at) parts.push(source.slice(at, start))
    parts.push(new Expression(expression))
    at = end + 1
  }
  if (at < source.length) parts.push(source.slice(at))
  return parts
}

/** The index of the brace that ends an expression: not one of a text or an object inside it. */
function endOfExpression(source: string, from: number): number {
  let depth = 0
  let quote = ''
  for (let at = from; at < source.length; at++) {
    const char = source[at]!
    if (quote !== '') {
      if (char === '\\') at += 1
      else if (char === quote) quote = ''
    } else if (char === "'" || char === '"' || char === '`') quote = char
    else if (char === '{') depth += 1
    else if (char === '}') {
      if (depth === 0) return at
      depth -= 1
    }
  }
  throw new SyntaxError('"${" has no "}" that ends it')
}
