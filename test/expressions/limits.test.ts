import { describe, expect, it } from 'vitest'
import { fuelPerEvaluation, maxListLength, maxStringLength } from '../../src/expressions/limits.ts'
import { evaluateSource, failureOf } from './evaluate-source.ts'

const value = {
  big: 'x'.repeat(maxStringLength),
  list: Array.from({ length: 20_000 }, (_, index) => index),
  wide: Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`f${index}`, index])),
}
const nested = (levels: number): string =>
  levels === 0 ? '1' : `map([1, 1, 1, 1, 1, 1, 1, 1], x${levels} => ${nested(levels - 1)})`
const shared = (levels: number): string =>
  levels === 0 ? 'value.list' : `first(map([${shared(levels - 1)}], x => [x, x, x, x]))`

describe('results', () => {
  it.each([
    ["repeat('ab', 1000000)"],
    ["pad_start('', 1e9)"],
    ["pad_end('a', 1e12, 'b')"],
    ['range(1e9)'],
    ['range(0, 1, 1e-9)'],
    ["join([value.big, value.big], '')"],
    ["join(range(0, 100000), 'xxxxxxxxxxxxxxxx')"],
    ['value.big + value.big'],
    ['`${value.big}${value.big}`'],
    ["replace_all(value.big, 'x', 'yy')"],
    ["replace(value.big, /x/g, '$&$&')"],
    ["replace(value.big, /(x+)(x+)+/, '$1$1$1$1')"],
    ["split(value.big, '')"],
    ['split(value.big, /x/)'],
    ['flatten([value.list, value.list, value.list, value.list, value.list, value.list])'],
    ['[...value.list, ...value.list, ...value.list, ...value.list, ...value.list, ...value.list]'],
    ["reduce(range(0, 100), (acc, x) => acc + acc, 'a')"],
    ['reduce(range(0, 100000), (acc, x) => [acc], [])'],
    ['to_json(reduce(range(0, 100000), (acc, x) => [acc], []))'],
    ['reduce(range(0, 60), (acc, x) => [acc, acc], [])'],
    ['to_json(reduce(range(0, 60), (acc, x) => ({ a: acc, b: acc }), {}))'],
    ['map(range(0, 100000), x => value.big)'],
    ['map(range(0, 1000), x => upper(value.big))'],
    ['map(range(0, 100000), x => sha256(value.big))'],
    ['map(value.list, x => value.big == value.big + x)'],
    ['map(value.list, x => (value.big + x) == (x + value.big))'],
    ['map(value.list, x => (value.big + x)[0])'],
    ['map(value.list, x => (value.big + x) < (value.big + x))'],
    ['map(value.list, x => ({ ...value.wide, x }))'],
    ['map(value.list, x => map(value.list, y => x * y))'],
    ['some(value.list, x => some(value.list, y => x + y < 0))'],
    ['map(value.list, x => range(0, 100000))'],
    [`map(value.list, x => [${'0, '.repeat(4_000)}0])`],
    ["map(range(0, 100000), x => pad_start('', 1000000))"],
    ["map(range(0, 100000), x => split('a,b,c,d,e,f,g,h,i,j,k,l,m,n', ','))"],
    [nested(8)],
    [shared(12)],
  ])('that would be too large, or take too long, fail the record: %s', (source) => {
    const failure = failureOf(source, value)
    expect(failure.code).toBe('RECORD_EXPRESSION')
    expect(failure.message).toMatch(/more than|deeper|too long/)
  })

  it('may be as large as the limits say', () => {
    expect(evaluateSource(`length(repeat('a', ${maxStringLength}))`)).toBe(maxStringLength)
    expect(evaluateSource(`length(range(${maxListLength}))`)).toBe(maxListLength)
    expect(evaluateSource('length(map(value.list, x => x + 1))', value)).toBe(20_000)
  })

  it('start with full fuel on every record', () => {
    const steps = Math.ceil(fuelPerEvaluation / maxListLength) * 2
    for (let step = 0; step < steps; step++)
      expect(evaluateSource(`count(range(${maxListLength - 1}), x => x < 0)`)).toBe(0)
  })
})
