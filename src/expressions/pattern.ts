import type { Pattern } from '../core/expression.ts'
import { ExpressionError } from './expression-error.ts'
import { maxPatternLength } from './limits.ts'
import { isProvablyLinear } from './linear-proof.ts'
import { type ParsedPattern, parsePattern } from './pattern-syntax.ts'
import { linearPattern } from './pattern-linear.ts'
import { nativePattern } from './pattern-native.ts'

/**
 * Compiles a regular expression of JavaScript's syntax to one that takes time linear in the text: the
 * engine's own where the pattern is provably harmless there (several times as fast), RE2 otherwise,
 * which differs in two details: with the flag m a line ends at \n only, and an optional group that has
 * matched nothing counts as matched.
 * @param flags any of i, m, s and u; searching from a place or for all matches is up to the caller.
 * @throws ExpressionError with the place in the source.
 */
export function compilePattern(source: string, flags = ''): Pattern {
  if (source.length > maxPatternLength) {
    throw new ExpressionError(
      `a regular expression has at most ${maxPatternLength} characters`,
      maxPatternLength,
    )
  }
  const unknown = flags.split('').find((flag) => !'imsu'.includes(flag))
  if (unknown !== undefined)
    throw new ExpressionError(`the flag ${unknown} is not available; use i, m, s or g`, 0)
  const regex = toRegExp(source, flags)
  const parsed = parsePattern(source, flags)
  return runsNatively(parsed, { source, flags })
    ? nativePattern(regex, parsed)
    : linearPattern(parsed, flags)
}

/** Has JavaScript itself say whether it is a regular expression. */
function toRegExp(source: string, flags: string): RegExp {
  try {
    return new RegExp(source, flags)
  } catch (thrown) {
    const message =
      thrown instanceof SyntaxError
        ? thrown.message.replace(/^Invalid regular expression: .*: /s, '')
        : ''
    throw new ExpressionError(
      `this is no regular expression: ${message.charAt(0).toLowerCase()}${message.slice(1)}`,
      0,
    )
  }
}

function runsNatively(
  parsed: ParsedPattern,
  { source, flags }: { source: string; flags: string },
): boolean {
  // With both flags letters beyond ASCII fold into ASCII, which the proof does not follow; without `u`
  // the engine reads characters beyond 16 bits as two.
  if (flags.includes('u') ? flags.includes('i') : surrogates.test(source)) return false
  return isProvablyLinear(parsed, { multiline: flags.includes('m') })
}

const surrogates = /[\ud800-\udfff]|\\u\{|\\u[dD][89a-fA-F]/
