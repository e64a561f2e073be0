import { compileExpression } from '../../src/expressions/compile.ts'
import { StepRecord } from '../../src/core/step-record.ts'
import type { Figure } from './run.ts'

const evaluations = 20_000_000

/** Simple expressions over one order, each compiled once. */
export function benchExpressions(): Figure[] {
  const record = new StepRecord()
  record.value = { country: 'nl', amount: 12.5, items: 3, user: { id: 'u-1' } }
  return [
    'value.amount > 0',
    "value.user.id == 'u-1'",
    'value.amount * value.items',
    'upper(value.country)',
  ].map((source) => {
    const evaluate = compileExpression(source)
    for (let index = 0; index < evaluations / 10; index++) evaluate(record)
    const start = performance.now()
    for (let index = 0; index < evaluations; index++) evaluate(record)
    const perSecond = (1_000 * evaluations) / (performance.now() - start)
    return {
      what: `expression ${source}`,
      value: `${Math.round(perSecond / 1e6)} M/s`,
      aim: 'aim: 20 M/s',
    }
  })
}
