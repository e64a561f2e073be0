import { describe, expect, it } from 'vitest'
import { decodeJson, encodeJson } from '../../../src/core/json.ts'
import { rename } from '../../../src/operators/cleaning/rename.ts'
import { bound, runOperator } from '../../../src/simulation/run-operator.ts'

describe('rename', () => {
  it('keeps the order of the fields', () => {
    const { emitted } = runOperator(rename, { b: 'z' }, [{ a: 1, b: 2, c: 3 }])
    expect(encodeJson(emitted[0]!)).toBe('{"a":1,"z":2,"c":3}')
  })

  it('replaces a field that has the new name already, whichever comes first', () => {
    const { emitted } = runOperator(rename, { a: 'b' }, [{ a: 1, b: 2 }, { b: 2, a: 1 }, { b: 2 }])
    expect(emitted).toEqual([{ b: 1 }, { b: 1 }, { b: 2 }])
  })

  it('moves names in a circle', () => {
    const { emitted } = runOperator(rename, { a: 'b', b: 'c', c: 'a' }, [{ a: 1, b: 2, c: 3 }])
    expect(emitted).toEqual([{ b: 1, c: 2, a: 3 }])
  })

  it('moves fields in and out of objects, all at once', () => {
    const { emitted } = runOperator(rename, { 'a.x': 'b.x', 'b.x': 'a.x' }, [
      { a: { x: 1 }, b: { x: 2 } },
      { a: { x: 1 } },
      {},
    ])
    expect(emitted).toEqual([{ a: { x: 2 }, b: { x: 1 } }, { a: {}, b: { x: 1 } }, {}])
  })

  it('renames to a name that every object inherits', () => {
    const { emitted } = runOperator(rename, { toString: 'a', b: 'valueOf' }, [{ b: 1 }])
    expect(encodeJson(emitted[0]!)).toBe('{"valueOf":1}')
  })

  it('leaves a field named __proto__ a field', () => {
    const { emitted } = runOperator(rename, { a: 'b' }, [decodeJson('{"__proto__":{"x":1},"a":1}')])
    expect(encodeJson(emitted[0]!)).toBe('{"__proto__":{"x":1},"b":1}')
  })

  it('fails the record where a text stands in the way of the new name', () => {
    const { failed } = runOperator(rename, { a: 'b.c' }, [{ a: 1, b: 'x' }])
    expect(failed.map(({ code }) => code)).toEqual(['RECORD_TYPE'])
  })

  it('knows the names afterwards where it knew them before', () => {
    const config = bound(rename, { a: 'b', x: 'y', 'n.m': 'o' }) as never
    expect(rename.fieldsAfter!(new Set(['a', 'c', 'n']), config)).toEqual(
      new Set(['b', 'c', 'n', 'o']),
    )
    expect(rename.fieldsAfter!(null, config)).toBeNull()
    const swap = bound(rename, { a: 'b', b: 'a' }) as never
    expect(rename.fieldsAfter!(new Set(['a']), swap)).toEqual(new Set(['b']))
  })

  it('refuses one new name for two fields', () => {
    expect(() => runOperator(rename, { a: 'c', b: 'c' }, [])).toThrow('two fields')
    expect(() => runOperator(rename, {}, [])).toThrow()
  })
})
