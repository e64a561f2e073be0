import type * as acorn from 'acorn'
import { PatternArgument, type Checked } from './checked.ts'
import { ExpressionError } from './expression-error.ts'
import {
  fewestArguments,
  mostArguments,
  type FunctionDefinition,
  type FunctionParameter,
} from './function-definition.ts'
import { compilePattern } from './pattern.ts'

interface Checks {
  readonly check: (node: acorn.Expression) => Checked
  readonly arrow: (node: acorn.ArrowFunctionExpression) => Checked
}

/** The element and its index; before them what was collected, where the function says so. */
function maxArrowParameters(parameter: FunctionParameter): number {
  return parameter.name.startsWith('(') ? 3 : 2
}

/** @throws ExpressionError */
export function checkArguments(
  definition: FunctionDefinition,
  node: acorn.CallExpression,
  checks: Checks,
): Checked[] {
  const count = node.arguments.length
  if (count < fewestArguments(definition) || count > mostArguments(definition)) {
    throw new ExpressionError(
      `${definition.name} is called as ${definition.signature}; here it has ${count} arguments`,
      node.start,
    )
  }
  return node.arguments.map((argument, index) => {
    if (argument.type === 'SpreadElement') {
      throw new ExpressionError('... stands in lists and objects, not in calls', argument.start)
    }
    const parameter = definition.parameters[Math.min(index, definition.parameters.length - 1)]!
    return checkArgument(argument, { definition, parameter, checks })
  })
}

interface Place {
  readonly definition: FunctionDefinition
  readonly parameter: FunctionParameter
  readonly checks: Checks
}

function checkArgument(node: acorn.Expression, { definition, parameter, checks }: Place): Checked {
  if (parameter.kind === 'arrow') {
    if (node.type !== 'ArrowFunctionExpression') {
      throw new ExpressionError(
        `${definition.signature} takes a function here, such as ${parameter.name}`,
        node.start,
      )
    }
    const most = maxArrowParameters(parameter)
    if (node.params.length > most) {
      throw new ExpressionError(`the function here has at most ${most} parameters`, node.start)
    }
    return checks.arrow(node)
  }
  if (parameter.kind === 'value' || node.type !== 'Literal') {
    if (parameter.kind !== 'pattern') return checks.check(node)
    throw new ExpressionError(
      `${definition.signature} takes a regular expression here, such as /a+/`,
      node.start,
    )
  }
  if (node.regex !== undefined) return checkPattern(node, node.regex)
  if (parameter.kind === 'text or pattern') return checks.check(node)
  if (typeof node.value === 'string') return checkPattern(node, { pattern: node.value, flags: '' })
  throw new ExpressionError(
    `${definition.signature} takes a regular expression here, such as /a+/`,
    node.start,
  )
}

function checkPattern(node: acorn.Literal, regex: { pattern: string; flags: string }): Checked {
  try {
    const pattern = compilePattern(regex.pattern, regex.flags.replace('g', ''))
    return { kind: 'pattern', argument: new PatternArgument(pattern, regex.flags.includes('g')) }
  } catch (thrown) {
    if (!(thrown instanceof ExpressionError)) throw thrown
    throw new ExpressionError(
      thrown.message,
      node.start + (node.regex === undefined ? 0 : 1 + thrown.offset),
    )
  }
}
