import { describe, expect, it } from 'vitest'
import type { StepRecord } from '../../src/core/step-record.ts'
import { compileAggregation, compileExpression } from '../../src/expressions/compile.ts'

describe('compileAggregation', () => {
  it('takes the calls of aggregate functions out, each once', () => {
    const { calls, combine } = compileAggregation('round(sum(value.a) / count(), 1) + sum(value.a)')
    expect(calls.map((call) => call.function)).toEqual(['sum', 'count'])
    expect(calls[1]?.argument).toBe(null)
    expect(calls[0]?.argument?.({ value: { a: 4 } } as never)).toBe(4)
    expect(combine([10, 4])).toBe(12.5)
  })

  it('hands literal parameters over', () => {
    expect(compileAggregation('percentile(value.x, 99.9)').calls[0]?.parameters).toEqual([99.9])
    expect(compileAggregation('top_k(value.x, 10)').calls[0]?.parameters).toEqual([10])
  })

  it('means plain functions inside an argument', () => {
    const { calls } = compileAggregation('max(max(value.a, value.b))')
    expect(calls).toHaveLength(1)
    expect(calls[0]?.argument?.({ value: { a: 4, b: 7 } } as never)).toBe(7)
    const inner = compileAggregation('sum(sum(map(value.items, x => x.price)))').calls[0]
    expect(
      inner?.argument?.({
        value: { items: [{ price: 2 }, { price: 3 }] },
      } as unknown as StepRecord),
    ).toBe(5)
  })

  it('gives null for arithmetic on null and for division by zero', () => {
    expect(compileAggregation('sum(value.a) / count()').combine([1, 0])).toBe(null)
    expect(compileAggregation('sum(value.a) % count()').combine([1, 0])).toBe(null)
    expect(compileAggregation('avg(value.a) * 2 + 1').combine([null])).toBe(null)
    expect(compileAggregation('-avg(value.a)').combine([null])).toBe(null)
    expect(compileAggregation('if_null(avg(value.a), 0)').combine([null])).toBe(0)
  })

  it('still fails for a result that is not exact, and inside arguments', () => {
    expect(() => compileAggregation('sum(value.a) * 2').combine([Number.MAX_SAFE_INTEGER])).toThrow(
      expect.objectContaining({ code: 'RECORD_NUMBER' }),
    )
    const argument = compileAggregation('sum(value.a + 1)').calls[0]?.argument
    expect(() => argument?.({ value: {} } as never)).toThrow(
      expect.objectContaining({ code: 'RECORD_EXPRESSION' }),
    )
  })

  it('takes constants and lists of results', () => {
    expect(compileAggregation("'daily'").combine([])).toBe('daily')
    expect(compileAggregation('{ low: min(value.a), high: max(value.a) }').combine([1, 2])).toEqual(
      { low: 1, high: 2 },
    )
    expect(
      compileAggregation('map(top_k(value.a, 2), x => x.value)').combine([
        [{ value: 'a' }, { value: 'b' }],
      ]),
    ).toEqual(['a', 'b'])
  })

  it.each([
    ['value.a', 0, 'last(value)'],
    ['sum(value.a) + value.b', 15, 'aggregate function'],
    ['sum()', 0, 'sum(x)'],
    ['avg(value.a, 2)', 0, 'avg(x)'],
    ['min(value.a, value.b)', 0, 'min(x)'],
    ['percentile(value.a)', 0, 'percentile(x, 95)'],
    ['percentile(value.a, 101)', 20, '0 to 100'],
    ['percentile(value.a, value.p)', 20, '0 to 100'],
    ['top_k(value.a, 0)', 15, '1 to 1000'],
    ['top_k(value.a, 1.5)', 15, '1 to 1000'],
    ['sum(distinct(value.a))', 4, 'inside another'],
    ['map([1], x => sum(x))', 18, 'unknown name'],
    ['sun(value.a)', 0, 'did you mean "sum"'],
    ['count(...value.a)', 6, '...'],
  ])('refuses %s with its place', (source, offset, message) => {
    expect(() => compileAggregation(source)).toThrow(
      expect.objectContaining({ offset, message: expect.stringContaining(message) }),
    )
  })

  it('is needed for aggregate functions', () => {
    expect(() => compileExpression('percentile(value.a, 95)')).toThrow('aggregate')
  })
})
