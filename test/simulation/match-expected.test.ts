import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { difference, differenceOfArrivals } from '../../src/simulation/match-expected.ts'

describe('what a test expects', () => {
  it('is met by itself, whatever it is', () => {
    const value = fc.jsonValue().filter((each) => !JSON.stringify(each).includes('"$'))
    fc.assert(
      fc.property(value, (each) => {
        expect(difference(each, JSON.parse(JSON.stringify(each)))).toBeNull()
      }),
    )
  })

  it('of an object is met by one that has more fields, at any depth', () => {
    expect(difference({ a: { b: 1 } }, { a: { b: 1, c: 2 }, d: 3 })).toBeNull()
    expect(difference({}, { a: 1 })).toBeNull()
    expect(difference({ a: { b: 1 } }, { a: { c: 1 } })).toBe('a.b: 1 expected, nothing found')
    expect(difference({ a: null }, {})).toBe('a: null expected, nothing found')
  })

  it('of a list is met by as many items in the same order', () => {
    expect(difference([{ a: 1 }, { a: 2 }], [{ a: 1, b: 1 }, { a: 2 }])).toBeNull()
    expect(difference([1, 2], [2, 1])).toBe('[0]: 1 expected, 2 found')
    expect(difference([1], [1, 2])).toBe('1 items expected, 2 found: [1,2]')
    expect(difference({ list: [] }, { list: [1] })).toMatch(/^list: 0 items expected, 1 found/)
    expect(difference([], {})).toMatch(/expected, \{\} found/)
  })

  it('is not met by what only looks alike', () => {
    const pairs: [unknown, unknown][] = [
      [1, '1'],
      [0, false],
      [null, 0],
      ['', null],
      [[], {}],
      [{}, []],
      [{}, null],
      [true, 1],
      [{}, 'text'],
    ]
    for (const [one, other] of pairs) expect(difference(one, other)).not.toBeNull()
  })

  it('is met exactly with $exact', () => {
    expect(difference({ $exact: { a: 1 } }, { a: 1 })).toBeNull()
    expect(difference({ $exact: { a: 1 } }, { a: 1, b: 2 })).toBe(
      '{"a":1} expected, {"a":1,"b":2} found',
    )
  })

  it('is met by text that $match finds', () => {
    expect(difference({ id: { $match: '^o-[0-9]+$' } }, { id: 'o-12' })).toBeNull()
    expect(difference({ id: { $match: '^o-[0-9]+$' } }, { id: 'x-12' })).toBe(
      'id: text like ^o-[0-9]+$ expected, "x-12" found',
    )
    expect(difference({ $match: '1' }, 1)).not.toBeNull()
  })

  it('is met by a number $near the one given', () => {
    expect(difference({ $near: 0.3 }, 0.1 + 0.2)).toBeNull()
    expect(difference({ $near: 100, within: 1 }, 99)).toBeNull()
    expect(difference({ $near: 100, within: 1 }, 98.9)).toBe('about 100 expected, 98.9 found')
    expect(difference({ $near: 0 }, 0)).toBeNull()
    expect(difference({ $near: 1 }, '1')).not.toBeNull()
  })

  it('is met by as many items as $count says', () => {
    expect(difference({ $count: 2 }, [1, 2])).toBeNull()
    expect(difference({ $count: 2 }, [1])).toBe('2 items expected, [1] found')
    expect(difference({ $count: 2 }, { length: 2 })).not.toBeNull()
  })

  it('never finds fields that the value only inherits', () => {
    expect(difference({ toString: 1 }, {})).toBe('toString: 1 expected, nothing found')
    expect(difference(JSON.parse('{"__proto__":{"a":1}}'), {})).not.toBeNull()
  })

  it('is cut short in the message when it is long', () => {
    expect(difference('x', 'y'.repeat(100_000))!.length).toBeLessThan(1_000)
  })
})

describe('records in a list', () => {
  const came = (...all: readonly [unknown, string][]) =>
    all.map(([item, order]) => ({ item, order }))

  it('of different keys may come in any order', () => {
    expect(differenceOfArrivals([1, 2, 3], came([3, 'c'], [1, 'a'], [2, 'b']))).toBeNull()
  })

  it('of one key come in theirs', () => {
    expect(differenceOfArrivals([1, 2, 3], came([3, 'b'], [1, 'a'], [2, 'a']))).toBeNull()
    expect(differenceOfArrivals([1, 2, 3], came([3, 'b'], [2, 'a'], [1, 'a']))).toBe(
      '[0]: 1 expected, 3 found',
    )
  })

  it('are each found once', () => {
    expect(differenceOfArrivals([1, 1], came([1, 'a'], [2, 'b']))).not.toBeNull()
    expect(differenceOfArrivals([1], came([1, 'a'], [1, 'b']))).toMatch(/1 items expected, 2 found/)
  })
})
