import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../../src/core/json.ts'
import { RecordFailure } from '../../../src/core/errors.ts'
import type { StatelessOperator } from '../../../src/core/operator.ts'
import { StepRecord } from '../../../src/core/step-record.ts'
import { route } from '../../../src/operators/cleaning/route.ts'
import { bound } from '../../../src/simulation/run-operator.ts'

type Setting = Parameters<typeof route.create>[0]

function outputOf(operator: StatelessOperator, value: JsonValue, before: string | null = null) {
  const record = new StepRecord()
  record.value = value
  record.output = before
  let emitted = 0
  operator.process(record, { emit: () => (emitted += 1), drop: () => expect.unreachable() })
  expect(emitted).toBe(1)
  return record.output
}

const operator = (setting: Record<string, unknown>) =>
  route.create(bound(route, setting) as Setting)

describe('route', () => {
  it('chooses the first output whose condition is true', () => {
    const made = operator({ big: 'value.n > 10', odd: 'value.n % 2 == 1' })
    expect([11, 12, 3, 2].map((n) => outputOf(made, { n }))).toEqual(['big', 'big', 'odd', null])
  })

  it('takes null for no match, and forgets what was chosen before', () => {
    const made = operator({ a: 'value.missing > 1' })
    expect(outputOf(made, {}, 'a')).toBe(null)
  })

  it('fails a record for which a condition is neither true nor false', () => {
    const made = operator({ a: 'value.n' })
    expect(() => outputOf(made, { n: 1 })).toThrow(RecordFailure)
  })

  it.each([
    ['no output', {}, /at least one/],
    ['`otherwise`, which `to` has', { otherwise: true }, /otherwise/],
    ['a name that is none', { 'A b': true }, /small letters/],
  ])('refuses %s', (_what, setting, message) => {
    expect(() => route.config.parse(setting)).toThrow(message)
  })
})
