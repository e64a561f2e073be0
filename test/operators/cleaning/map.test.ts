import { describe, expect, it } from 'vitest'
import { getField } from '../../../src/core/field-path.ts'
import { decodeJson, encodeJson } from '../../../src/core/json.ts'
import { StepRecord } from '../../../src/core/step-record.ts'
import { map } from '../../../src/operators/cleaning/map.ts'
import { bound, runOperator } from '../../../src/simulation/run-operator.ts'

describe('map', () => {
  it('replaces the value by any kind of result', () => {
    const input = [{ a: [1, { b: 2 }] }]
    expect(runOperator(map, 'value.a', input).emitted).toEqual([[1, { b: 2 }]])
    expect(runOperator(map, 'value.a[0]', input).emitted).toEqual([1])
    expect(runOperator(map, 'value.missing', input).emitted).toEqual([null])
    expect(runOperator(map, null, input).emitted).toEqual([null])
  })

  it('keeps numbers exact that a double cannot hold', () => {
    const { emitted } = runOperator(map, '{ id: value.id }', [
      decodeJson('{"id":12345678901234567890}'),
    ])
    expect(encodeJson(emitted[0]!)).toBe('{"id":12345678901234567890}')
  })

  it('gives no two places of the result one object', () => {
    const record = new StepRecord()
    record.value = { x: { y: 1 } }
    const operator = map.create(bound(map, '{ a: value.x, b: value.x }') as never)
    operator.process(record, { emit: () => {}, drop: () => {} })
    const [a, b] = [getField(record.value, ['a']), getField(record.value, ['b'])]
    expect(a).toEqual(b)
    expect(a).not.toBe(b)
  })

  it('leaves the fields of the result unknown', () => {
    expect(map.fieldsAfter!(new Set(['a']), bound(map, 'value') as never)).toBeNull()
  })
})
