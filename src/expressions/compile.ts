import type { BoundAggregation, Evaluate } from '../core/expression.ts'
import { Checker } from './check.ts'
import type { Checked } from './checked.ts'
import { generate, type GenerateOptions } from './generate.ts'
import { parseSource } from './parse.ts'

/** What an expression may start with: properties of the record. */
const recordScope = [
  'value',
  'key',
  'headers',
  'topic',
  'partition',
  'offset',
  'timestamp',
  'source',
] as const

export interface CompileOptions {
  /** Properties of the argument that the expression may use, such as `event` and `value` in hooks; those of a record by default. */
  readonly scope?: readonly string[]
}

/**
 * Compiles an expression to a function of the record.
 * @throws ExpressionError with the place in the source.
 */
export function compileExpression(source: string, options: CompileOptions = {}): Evaluate {
  const checker = new Checker({ source, scope: options.scope ?? recordScope, aggregates: false })
  return build(checker.check(parseSource(source)), { nullForFailure: false }) as Evaluate
}

/**
 * Compiles an expression over aggregate functions, such as `count(value.late) / count()`. Each call
 * becomes one of `calls`, the same call twice only one; the rest becomes `combine`, in which
 * arithmetic with null and division by zero give null.
 * @throws ExpressionError with the place in the source.
 */
export function compileAggregation(source: string): BoundAggregation {
  const checker = new Checker({ source, scope: recordScope, aggregates: true })
  const combined = checker.check(parseSource(source))
  const calls = checker.calls.map(({ function: name, argument, parameters }) => ({
    function: name,
    argument: argument === null ? null : (build(argument, { nullForFailure: false }) as Evaluate),
    parameters,
  }))
  return {
    calls,
    combine: build(combined, { nullForFailure: true }) as BoundAggregation['combine'],
  }
}

/**
 * The only place where text becomes code. The text comes from `generate`, whose input holds nothing
 * but what the checker let through.
 */
function build(checked: Checked, options: GenerateOptions): unknown {
  const { body, constants } = generate(checked, options)
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- see above
  return new Function('constants', body)(constants)
}
