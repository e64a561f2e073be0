import { describe, expect, it } from 'vitest'
import { set } from '../../../src/operators/cleaning/set.ts'
import { trim } from '../../../src/operators/cleaning/trim.ts'
import { bound, InputRecord, runOperator } from '../../../src/simulation/run-operator.ts'
import { StepRecord } from '../../../src/core/step-record.ts'

describe('set', () => {
  it('evaluates every entry before it sets the first', () => {
    const { emitted } = runOperator(set, { a: 'value.a + 1', b: 'value.a + 1', 'c.d': 'value.a' }, [
      { a: 1 },
    ])
    expect(emitted).toEqual([{ a: 2, b: 2, c: { d: 1 } }])
  })

  it('takes numbers, booleans and null as they stand', () => {
    expect(runOperator(set, { a: 1.5, b: true, c: null }, [{}]).emitted).toEqual([
      { a: 1.5, b: true, c: null },
    ])
  })

  it('sees key and headers, not only the value', () => {
    const input = [new InputRecord({ value: {}, key: 'k1' })]
    expect(runOperator(set, { key: 'key' }, input).emitted).toEqual([{ key: 'k1' }])
  })

  it('copies what it takes out of the value, so that later steps change one place only', () => {
    const record = new StepRecord()
    record.value = { from: { city: ' Utrecht ' } }
    const context = { emit: () => {}, drop: () => {} }
    set.create(bound(set, { to: 'value.from' }) as never).process(record, context)
    trim.create(bound(trim, ['to.city']) as never).process(record, context)
    expect(record.value).toEqual({ from: { city: ' Utrecht ' }, to: { city: 'Utrecht' } })
  })

  it('fails the record where an expression cannot be evaluated', () => {
    const { failed, emitted } = runOperator(set, { a: 'value.b + 1' }, [{ b: null }, { b: 1 }])
    expect(failed.map(({ code }) => code)).toEqual(['RECORD_EXPRESSION'])
    expect(emitted).toEqual([{ b: 1, a: 2 }])
  })

  it('fails the record where a text stands in the way of a field', () => {
    const { failed } = runOperator(set, { 'a.b': 1 }, [{ a: 'x' }, []])
    expect(failed.map(({ code }) => code)).toEqual(['RECORD_TYPE', 'RECORD_TYPE'])
    expect(failed[0]!.message).toContain('a.b')
  })

  it('adds its fields to those that are known, and to nothing else', () => {
    const config = bound(set, { b: '1', 'c.d': '2' }) as never
    expect(set.fieldsAfter!(new Set(['a']), config)).toEqual(new Set(['a', 'b', 'c']))
    expect(set.fieldsAfter!(null, config)).toBeNull()
  })

  it('refuses an empty setting and names that reach into every object', () => {
    for (const config of [
      {},
      { constructor: '1' },
      { 'a.prototype': '1' },
      { a: '' },
      { a: 'value.' },
    ]) {
      expect(() => runOperator(set, config, [])).toThrow()
    }
  })
})
