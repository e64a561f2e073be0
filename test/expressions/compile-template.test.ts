import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/json.ts'
import { StepRecord } from '../../src/core/step-record.ts'
import { compileTemplate } from '../../src/expressions/compile-template.ts'
import { ExpressionError } from '../../src/expressions/expression-error.ts'

function rendered(source: string, value: JsonValue): string {
  const record = new StepRecord()
  record.make({ key: 'k1', value, eventTimeMs: Number.NaN })
  return compileTemplate(source).render(record)
}

describe('a template', () => {
  it.each([
    ['order ${value.id} of ${key}', 'order 7 of k1'],
    ['${value.name}', 'Ada'],
    ['[${value.missing}]', '[]'],
    ['${value.tags}', '["a","}"]'],
    ["${value.name == 'Ada' ? '}' : '{'}!", '}!'],
    ['a $${value.id} b ${value.id}', 'a ${value.id} b 7'],
    ['$${', '${'],
    ['costs 5$ and { } stay', 'costs 5$ and { } stay'],
  ])('makes text of %s', (source, expected) => {
    expect(rendered(source, { id: 7, name: 'Ada', tags: ['a', '}'] })).toBe(expected)
  })

  it('knows whether it is the same for all records', () => {
    expect(compileTemplate('Thank you for the data').constant).toBe('Thank you for the data')
    expect(compileTemplate('$${x}').constant).toBe('${x}')
    expect(compileTemplate('${value.id}').constant).toBeNull()
  })

  it.each([
    ['a ${value.id', 4],
    ['a ${} b', 4],
    ['ab ${value.}', 11],
    ['${constructor.name}', 2],
    ["${'}", 2],
  ])('refuses %s with its place', (source, offset) => {
    expect(() => compileTemplate(source)).toThrow(expect.objectContaining({ offset }))
    expect(() => compileTemplate(source)).toThrow(ExpressionError)
  })
})
