import { Expression, type BoundTemplate, type Evaluate } from '../core/expression.ts'
import { encodeJson, type JsonValue } from '../core/json.ts'
import { compileExpression } from './compile.ts'
import { ExpressionError } from './expression-error.ts'

const opening = '${'

/**
 * Compiles text with `${expression}` in it; `$${` stands for `${` itself.
 * @throws ExpressionError with the place in the text.
 */
export function compileTemplate(source: string): BoundTemplate {
  const texts: string[] = []
  const values: Evaluate[] = []
  const expressions: Expression[] = []
  let text = ''
  let at = 0
  for (;;) {
    const start = source.indexOf(opening, at)
    if (start === -1) break
    if (source[start - 1] === '$' && start > at) {
      text += `${source.slice(at, start - 1)}${opening}`
      at = start + opening.length
      continue
    }
    const from = start + opening.length
    const end = endOfExpression(source, from)
    texts.push(text + source.slice(at, start))
    text = ''
    values.push(compilePart(source, from, end))
    expressions.push(new Expression(source.slice(from, end)))
    at = end + 1
  }
  const rest = text + source.slice(at)
  if (values.length === 0) return { render: () => rest, constant: rest, expressions }
  return {
    constant: null,
    expressions,
    render: (record) => {
      let rendered = ''
      for (let index = 0; index < values.length; index++)
        rendered += texts[index]! + textOf(values[index]!(record))
      return rendered + rest
    },
  }
}

function compilePart(source: string, from: number, end: number): Evaluate {
  const expression = source.slice(from, end)
  if (expression.trim() === '') throw new ExpressionError('${} holds no expression', from)
  try {
    return compileExpression(expression)
  } catch (thrown) {
    if (!(thrown instanceof ExpressionError)) throw thrown
    throw new ExpressionError(thrown.message, from + thrown.offset)
  }
}

/** The index of the `}` that ends it: those of objects and in strings belong to the expression. */
function endOfExpression(source: string, from: number): number {
  let depth = 0
  let quote = ''
  for (let at = from; at < source.length; at++) {
    const character = source[at]!
    if (quote !== '') {
      if (character === '\\') at += 1
      else if (character === quote) quote = ''
    } else if (character === '"' || character === "'" || character === '`') quote = character
    else if (character === '{') depth += 1
    else if (character === '}') {
      if (depth === 0) return at
      depth -= 1
    }
  }
  throw new ExpressionError('${ is not closed by a }', from)
}

function textOf(value: JsonValue): string {
  if (value === null) return ''
  if (typeof value === 'string') return value
  return value instanceof Date ? value.toISOString() : encodeJson(value)
}
