import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeJson, encodeJson, type JsonValue } from '../../../src/core/json.ts'
import { maxExactTopValues, TopValues } from '../../../src/operators/analysis/top-values.ts'

function valuesOf(list: readonly JsonValue[]): TopValues {
  const values = new TopValues()
  for (const value of list) values.add(value)
  return values
}

describe('the most frequent values', () => {
  it('come with their counts, the most frequent first, equal counts by their JSON text', () => {
    const values = valuesOf(['b', 'a', 'c', 'b', 'a', 'b', 7, 7])
    expect(values.top(3)).toEqual([
      { value: 'b', count: 3 },
      { value: 'a', count: 2 },
      { value: 7, count: 2 },
    ])
    expect(values.top(10)).toHaveLength(4)
  })

  it('tell a number from its text, but not objects that differ in the order of their fields', () => {
    const values = valuesOf([1, '1', { a: 1, b: 2 }, { b: 2, a: 1 }])
    expect(values.top(1)).toEqual([{ value: { a: 1, b: 2 }, count: 2 }])
    expect(values.top(9)).toHaveLength(3)
  })

  it('agree with counting by hand while there are few', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 30 })),
        fc.integer({ min: 1, max: 10 }),
        (list, k) => {
          const counts = new Map<number, number>()
          for (const value of list) counts.set(value, (counts.get(value) ?? 0) + 1)
          const expected = [...counts.values()].toSorted((a, b) => b - a).slice(0, k)
          const top = valuesOf(list).top(k) as { value: number; count: number }[]
          expect(top.map(({ count }) => count)).toEqual(expected)
          for (const { value, count } of top) expect(counts.get(value)).toBe(count)
        },
      ),
    )
  })

  it('stay bounded, and keep the frequent ones, among any number of rare ones', () => {
    const values = new TopValues()
    for (let index = 0; index < 50_000; index++) {
      values.add(`rare-${index}`)
      if (index % 10 === 0) values.add('frequent')
    }
    expect(values.top(1)).toEqual([{ value: 'frequent', count: 5_000 }])
    expect((values.save() as JsonValue[]).length).toBeLessThanOrEqual(maxExactTopValues)
  })

  it('are no way into what has been gathered', () => {
    const values = valuesOf([{ a: 1 }])
    const [first] = values.top(1) as { value: { a: number } }[]
    first!.value.a = 2
    expect(values.top(1)).toEqual([{ value: { a: 1 }, count: 1 }])
  })

  it('go on from their saved text as if nothing had happened', () => {
    const lists = fc.array(fc.jsonValue() as fc.Arbitrary<JsonValue>)
    fc.assert(
      fc.property(lists, lists, (before, after) => {
        const loaded = TopValues.load(decodeJson(encodeJson(valuesOf(before).save())))
        for (const value of after) loaded.add(value)
        expect(encodeJson(loaded.top(20))).toBe(encodeJson(valuesOf([...before, ...after]).top(20)))
      }),
    )
  })

  it('refuse a saved text that they have not made', () => {
    for (const saved of [null, 'x', ['x'], [['x']], [['x', 'y']]]) {
      expect(() => TopValues.load(saved)).toThrow('saved')
    }
  })
})
