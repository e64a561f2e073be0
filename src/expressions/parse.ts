import { type Expression, type Options, Parser, tokTypes } from 'acorn'
import { ExpressionError } from './expression-error.ts'
import { maxSourceLength } from './limits.ts'

const options: Options = { ecmaVersion: 2025, sourceType: 'script', strict: true }

/** Acorn's parser over a text that must be one expression from its first token to its last. */
class ExpressionParser extends Parser {
  // Acorn hides these from its types; they are what `Parser.parseExpressionAt` itself calls.
  declare readonly type: unknown
  declare readonly start: number
  declare readonly nextToken: () => void
  declare readonly parseExpression: () => Expression

  constructor(source: string) {
    super(options, source, 0)
  }

  parseAll(): Expression {
    this.nextToken()
    const expression = this.parseExpression()
    if (this.type !== tokTypes.eof) {
      throw new ExpressionError('the expression should end here', this.start)
    }
    return expression
  }
}

/** @throws ExpressionError */
export function parseSource(source: string): Expression {
  if (source.length > maxSourceLength) {
    throw new ExpressionError(
      `an expression has at most ${maxSourceLength} characters`,
      maxSourceLength,
    )
  }
  try {
    return new ExpressionParser(source).parseAll()
  } catch (thrown) {
    if (thrown instanceof ExpressionError) throw thrown
    if (thrown instanceof RangeError) throw new ExpressionError('the expression nests too deep', 0)
    if (thrown instanceof SyntaxError) throw new ExpressionError(...readSyntaxError(thrown))
    throw thrown
  }
}

function readSyntaxError(
  thrown: SyntaxError & { pos?: number },
): [message: string, offset: number] {
  const message = thrown.message.replace(/ \(\d+:\d+\)$/, '')
  return [
    `this is no expression: ${message.charAt(0).toLowerCase()}${message.slice(1)}`,
    thrown.pos ?? 0,
  ]
}
