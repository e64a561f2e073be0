import type { AnyNode } from 'acorn'
import type { BoundAggregation, Evaluate } from '../core/expression.ts'
import { Checker } from './check.ts'
import type { Checked } from './checked.ts'
import { ExpressionError } from './expression-error.ts'
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

interface CompileOptions {
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

interface StaticField {
  readonly name: string
  /** Where the name stands in the source, from 0. */
  readonly offset: number
}

/**
 * The top-level fields of `value` that the source of an expression or aggregation names, in order;
 * not those behind `value?.`, which says that the field may be missing. Empty for a source that is no
 * expression.
 */
export function staticFields(source: string): readonly StaticField[] {
  const fields: StaticField[] = []
  try {
    collectFields(parseSource(source), fields)
  } catch (thrown) {
    if (!(thrown instanceof ExpressionError)) throw thrown
  }
  return fields
}

/** Whether an expression is nothing but this name, such as `key`. */
export function isIdentifier(source: string, name: string): boolean {
  try {
    const node = parseSource(source)
    return node.type === 'Identifier' && node.name === name
  } catch (thrown) {
    if (thrown instanceof ExpressionError) return false
    throw thrown
  }
}

function collectFields(node: AnyNode, fields: StaticField[]): void {
  if (
    node.type === 'ArrowFunctionExpression' &&
    node.params.some((at) => at.type === 'Identifier' && at.name === 'value')
  )
    return
  if (
    node.type === 'MemberExpression' &&
    !node.optional &&
    node.object.type === 'Identifier' &&
    node.object.name === 'value'
  ) {
    const { property } = node
    if (!node.computed && property.type === 'Identifier')
      fields.push({ name: property.name, offset: property.start })
    if (node.computed && property.type === 'Literal' && typeof property.value === 'string') {
      fields.push({ name: property.value, offset: property.start })
    }
  }
  for (const part of Object.values(node) as unknown[]) {
    for (const child of Array.isArray(part) ? (part as unknown[]) : [part]) {
      if (isNode(child)) collectFields(child, fields)
    }
  }
}

function isNode(part: unknown): part is AnyNode {
  return (
    typeof part === 'object' && part !== null && 'type' in part && typeof part.type === 'string'
  )
}
