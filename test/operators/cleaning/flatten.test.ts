import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeJson, type JsonValue } from '../../../src/core/json.ts'
import { flatten } from '../../../src/operators/cleaning/flatten.ts'
import { runOperator } from '../../../src/simulation/run-operator.ts'

const flat = (value: JsonValue, config = {}) => runOperator(flatten, config, [value])

describe('flatten', () => {
  it('loses no value: each way in is a name, and there are no others', () => {
    const names = fc.stringMatching(/^[a-z]{1,3}$/)
    const value = fc.dictionary(
      names,
      fc.letrec<{ node: JsonValue }>((tie) => ({
        node: fc.oneof(
          { maxDepth: 4 },
          fc.integer(),
          fc.constant(null),
          fc.array(tie('node'), { maxLength: 3 }),
          fc.dictionary(names, tie('node'), { maxKeys: 3 }),
        ) as fc.Arbitrary<JsonValue>,
      })).node,
      { maxKeys: 4 },
    )
    fc.assert(
      fc.property(value, (nested) => {
        const [result] = flat(nested).emitted as [Record<string, JsonValue>]
        for (const [path, leaf] of Object.entries(result)) {
          let at: unknown = nested
          for (const name of path.split('.')) at = (at as Record<string, unknown>)[name]
          expect(leaf).toEqual(at)
          expect(leaf === null || typeof leaf !== 'object' || Object.keys(leaf).length === 0).toBe(
            true,
          )
        }
        expect(Object.keys(result)).toHaveLength(leaves(nested))
      }),
    )
  })

  it.each([
    [{ 'a.b': 1, a: { b: 2 } }, '"a.b"'],
    [{ a: { b: { c: 1 }, 'b.c': 2 } }, '"a.b.c"'],
  ])('fails %j: two values of one name', (value, name) => {
    const { failed, emitted } = flat(value)
    expect(emitted).toEqual([])
    expect(failed[0]).toMatchObject({ code: 'RECORD_TYPE' })
    expect(failed[0]!.message).toContain(name)
  })

  it('fails a value with very many fields, and one that is no object', () => {
    const wide = { a: Array.from({ length: 10_001 }, (_, index) => index) }
    expect(flat(wide).failed[0]!.message).toContain('10000')
    expect(flat(wide, { lists: 'keep' }).emitted).toEqual([wide])
    expect(flat([1]).failed[0]!.code).toBe('RECORD_TYPE')
  })

  it('reaches into no other object by a name that is made of parts', () => {
    const value = decodeJson('{"a":{"b":{"__proto__":{"x":1}}},"":{"proto__":2}}')
    const { emitted } = flat(value, { separator: '__' })
    expect(Object.getPrototypeOf(emitted[0])).toBe(Object.prototype)
    expect(JSON.stringify(emitted[0])).toBe('{"a__b____proto____x":1,"__proto__":2}')
  })

  it('keeps numbers and times exactly as they are', () => {
    const { emitted } = flat(decodeJson('{"a":{"n":12345678901234567890.5}}'))
    expect(JSON.stringify(emitted[0])).toBe('{"a.n":12345678901234567890.5}')
  })
})

function leaves(value: JsonValue): number {
  const children = typeof value === 'object' && value !== null ? Object.values(value) : []
  const isTop = children.length > 0
  return isTop ? children.reduce<number>((sum, child) => sum + leafOr(child), 0) : 0
}

function leafOr(value: JsonValue): number {
  const isEmpty = typeof value !== 'object' || value === null || Object.keys(value).length === 0
  return isEmpty ? 1 : leaves(value)
}
