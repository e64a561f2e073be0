import { describe, expect, it } from 'vitest'
import { getField } from '../../../src/core/field-path.ts'
import { StepRecord } from '../../../src/core/step-record.ts'
import { defaultOperator } from '../../../src/operators/cleaning/default.ts'
import { bound, runOperator } from '../../../src/simulation/run-operator.ts'

describe('default', () => {
  it('leaves every value that is there, also false, zero and the empty text', () => {
    const input = [{ a: false }, { a: 0 }, { a: '' }, { a: [] }]
    expect(runOperator(defaultOperator, { a: 'x' }, input).emitted).toEqual(input)
  })

  it('takes its values literally', () => {
    expect(runOperator(defaultOperator, { a: 'upper(value.b)', b: null }, [{}]).emitted).toEqual([
      { a: 'upper(value.b)', b: null },
    ])
  })

  it('gives each record a list of its own', () => {
    const operator = defaultOperator.create(bound(defaultOperator, { tags: [] }) as never)
    const values = [1, 2].map(() => {
      const record = new StepRecord()
      record.value = {}
      operator.process(record, { emit: () => {}, drop: () => {} })
      return getField(record.value, ['tags'])
    })
    expect(values[0]).not.toBe(values[1])
  })

  it('makes the objects on the way to a field, and fails where a text is there', () => {
    const { emitted, failed } = runOperator(defaultOperator, { 'a.b': 1 }, [{}, { a: 'x' }])
    expect(emitted).toEqual([{ a: { b: 1 } }])
    expect(failed.map(({ code }) => code)).toEqual(['RECORD_TYPE'])
  })

  it('fills in a field whose name every object inherits', () => {
    const { emitted } = runOperator(defaultOperator, { toString: 'x' }, [{}])
    expect(Object.entries(emitted[0] as object)).toEqual([['toString', 'x']])
  })

  it('refuses numbers that JSON lacks, however deep', () => {
    for (const config of [{ a: Number.NaN }, { a: [{ b: Infinity }] }, {}]) {
      expect(() => runOperator(defaultOperator, config, [])).toThrow()
    }
  })

  it('adds its fields to those that are known', () => {
    const config = bound(defaultOperator, { 'b.c': 1 }) as never
    expect(defaultOperator.fieldsAfter!(new Set(['a']), config)).toEqual(new Set(['a', 'b']))
    expect(defaultOperator.fieldsAfter!(null, config)).toBeNull()
  })
})
