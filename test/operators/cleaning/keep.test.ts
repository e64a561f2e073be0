import { describe, expect, it } from 'vitest'
import { encodeJson } from '../../../src/core/json.ts'
import { keep } from '../../../src/operators/cleaning/keep.ts'
import { bound, runOperator } from '../../../src/simulation/run-operator.ts'

describe('keep', () => {
  it('gives the fields the order of the list', () => {
    const { emitted } = runOperator(keep, ['c', 'a'], [{ a: 1, b: 2, c: 3 }])
    expect(encodeJson(emitted[0]!)).toBe('{"c":3,"a":1}')
  })

  it('keeps parts of inner objects together', () => {
    const { emitted } = runOperator(
      keep,
      ['u.a', 'u.b', 'x.y.z'],
      [{ u: { a: 1, b: 2, c: 3 }, x: 1 }],
    )
    expect(emitted).toEqual([{ u: { a: 1, b: 2 } }])
  })

  it('keeps a field as a whole where the list also names a part of it', () => {
    const input = [{ u: { a: 1, b: 2 } }]
    expect(runOperator(keep, ['u.a', 'u'], input).emitted).toEqual(input)
    expect(runOperator(keep, ['u', 'u.a'], input).emitted).toEqual(input)
  })

  it('keeps null, and does not make fields that are missing', () => {
    const { emitted } = runOperator(keep, ['a', 'b', 'toString'], [{ a: null }])
    expect(encodeJson(emitted[0]!)).toBe('{"a":null}')
  })

  it('makes the fields known', () => {
    const config = bound(keep, ['a', 'b.c']) as never
    expect(keep.fieldsAfter!(null, config)).toEqual(new Set(['a', 'b']))
    expect(keep.fieldsAfter!(new Set(['b', 'x']), config)).toEqual(new Set(['b']))
  })

  it('fails a record whose value is no object', () => {
    expect(runOperator(keep, ['a'], [7]).failed.map(({ code }) => code)).toEqual(['RECORD_TYPE'])
  })
})
