import type * as acorn from 'acorn'
import type { AggregateFunction } from '../core/expression.ts'
import { ExpressionError } from './expression-error.ts'

/** The most values that `top_k` lists. */
const maxTopK = 1_000

interface Arguments {
  readonly argument: acorn.Expression | null
  readonly parameters: readonly number[]
}

/** @throws ExpressionError when the arguments do not fit the aggregate function. */
export function checkAggregateParameters(
  name: AggregateFunction,
  node: acorn.CallExpression,
): Arguments {
  const given = node.arguments.map((argument) => {
    if (argument.type !== 'SpreadElement') return argument
    throw new ExpressionError('... stands in lists and objects, not in calls', argument.start)
  })
  const [argument, ...rest] = given
  if (argument === undefined) {
    if (name === 'count') return { argument: null, parameters: [] }
    throw new ExpressionError(`the aggregate is called as ${signatureOf(name)}`, node.start)
  }
  const literal = literals[name]
  if (rest.length !== (literal === undefined ? 0 : 1)) {
    throw new ExpressionError(
      `the aggregate is called as ${signatureOf(name)}; here it has ${given.length} arguments`,
      node.start,
    )
  }
  return { argument, parameters: rest.map((part) => literal!(part)) }
}

const literals: Partial<Record<AggregateFunction, (node: acorn.Expression) => number>> = {
  percentile: (node) => {
    const percent = numberOf(node)
    if (percent !== null && percent >= 0 && percent <= 100) return percent
    throw new ExpressionError(
      'the second argument of percentile is a number from 0 to 100',
      node.start,
    )
  },
  top_k: (node) => {
    const k = numberOf(node)
    if (k !== null && Number.isInteger(k) && k >= 1 && k <= maxTopK) return k
    throw new ExpressionError(
      `the second argument of top_k is a whole number from 1 to ${maxTopK}`,
      node.start,
    )
  },
}

function numberOf(node: acorn.Expression): number | null {
  return node.type === 'Literal' && typeof node.value === 'number' ? node.value : null
}

function signatureOf(name: AggregateFunction): string {
  if (name === 'count') return 'count() or count(condition)'
  if (name === 'percentile') return 'percentile(x, 95)'
  return name === 'top_k' ? 'top_k(x, 10)' : `${name}(x)`
}
