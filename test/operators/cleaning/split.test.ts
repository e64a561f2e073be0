import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../../src/core/json.ts'
import { StepRecord } from '../../../src/core/step-record.ts'
import { split } from '../../../src/operators/cleaning/split.ts'
import { bound, runOperator } from '../../../src/simulation/run-operator.ts'

describe('split', () => {
  it('makes a record of each element, whatever it is, in order', () => {
    const { emitted, dispositions } = runOperator(split, 'value', [[1, null, { a: 2 }, [3]]])
    expect(emitted).toEqual([1, null, { a: 2 }, [3]])
    expect(dispositions).toEqual(['emitted'])
  })

  it('drops and counts records whose list is empty, null or missing', () => {
    const { emitted, dropped } = runOperator(split, 'value.a', [{ a: [] }, { a: null }, {}])
    expect(emitted).toEqual([])
    expect(dropped).toEqual(['filtered', 'filtered', 'filtered'])
  })

  it('fails a record whose list is none', () => {
    const { failed } = runOperator(split, 'value.a', [{ a: 'x,y' }, { a: { 0: 1 } }])
    expect(failed.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'RECORD_TYPE value.a is a string, and a list is split',
      'RECORD_TYPE value.a is an object, and a list is split',
    ])
  })

  it('puts the element in place of the list', () => {
    const { emitted } = runOperator(split, { each: 'value.a', into: 'a' }, [{ id: 1, a: [2, 3] }])
    expect(emitted).toEqual([
      { id: 1, a: 2 },
      { id: 1, a: 3 },
    ])
  })

  it('keeps all fields where the list is computed', () => {
    const { emitted } = runOperator(split, { each: "split(value.a, ',')", into: 'x.y' }, [
      { a: '1,2' },
    ])
    expect(emitted).toEqual([
      { a: '1,2', x: { y: '1' } },
      { a: '1,2', x: { y: '2' } },
    ])
  })

  it('gives each record a value of its own, also what was around the list', () => {
    const seen: JsonValue[] = []
    const record = new StepRecord()
    record.value = { user: { name: 'Ann' }, lines: [{ n: 1 }, { n: 2 }] }
    split.create(bound(split, { each: 'value.lines', into: 'line' }) as never).process(record, {
      emit(emitted) {
        seen.push(structuredClone(emitted.value))
        ;((emitted.value as JsonObject)['user'] as JsonObject)['name'] = 'changed'
      },
      drop: () => {},
    })
    expect(seen).toEqual([
      { user: { name: 'Ann' }, line: { n: 1 } },
      { user: { name: 'Ann' }, line: { n: 2 } },
    ])
  })

  it('fails as a whole where an element cannot be placed', () => {
    const { emitted, failed } = runOperator(split, { each: 'value.a', into: 'b.c' }, [
      { a: [1], b: 'x' },
    ])
    expect(emitted).toEqual([])
    expect(failed.map(({ code }) => code)).toEqual(['RECORD_TYPE'])
  })

  it('knows the fields afterwards only with `into`', () => {
    const fields = new Set(['id', 'lines'])
    const config = bound(split, { each: 'value.lines', into: 'line' }) as never
    expect(split.fieldsAfter!(fields, config)).toEqual(new Set(['id', 'line']))
    expect(split.fieldsAfter!(null, config)).toBeNull()
    expect(split.fieldsAfter!(fields, bound(split, 'value.lines') as never)).toBeNull()
    const inner = bound(split, { each: 'value.id.lines', into: 'line' }) as never
    expect(split.fieldsAfter!(fields, inner)).toEqual(new Set(['id', 'lines', 'line']))
  })
})
