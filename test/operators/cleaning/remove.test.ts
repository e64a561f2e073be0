import { describe, expect, it } from 'vitest'
import { decodeJson, encodeJson } from '../../../src/core/json.ts'
import { remove } from '../../../src/operators/cleaning/remove.ts'
import { bound, runOperator } from '../../../src/simulation/run-operator.ts'

describe('remove', () => {
  it('removes fields of the value and of inner objects in one step', () => {
    const { emitted } = runOperator(
      remove,
      ['a', 'b.c', 'x.y'],
      [{ a: 1, b: { c: 2, d: 3 }, x: null }],
    )
    expect(emitted).toEqual([{ b: { d: 3 }, x: null }])
  })

  it('keeps the order of the others and a field named __proto__', () => {
    const { emitted } = runOperator(
      remove,
      ['b'],
      [decodeJson('{"c":1,"b":2,"__proto__":3,"a":4}')],
    )
    expect(encodeJson(emitted[0]!)).toBe('{"c":1,"__proto__":3,"a":4}')
  })

  it('takes only whole names from the known fields', () => {
    const config = bound(remove, ['a', 'b.c']) as never
    expect(remove.fieldsAfter!(new Set(['a', 'b', 'd']), config)).toEqual(new Set(['b', 'd']))
    expect(remove.fieldsAfter!(null, config)).toBeNull()
  })

  it('fails a record whose value is no object', () => {
    expect(runOperator(remove, ['a'], [[]]).failed.map(({ code }) => code)).toEqual(['RECORD_TYPE'])
  })
})
