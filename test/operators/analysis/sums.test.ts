import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Decimal } from '../../../src/core/decimal.ts'
import { decodeJson, encodeJson, type JsonValue } from '../../../src/core/json.ts'
import { Average, Sum } from '../../../src/operators/analysis/sums.ts'
import { taggedDecimal } from '../../../src/operators/analysis/tagged-decimal.ts'
import { aggregate } from '../../../src/operators/analysis/aggregate.ts'
import { runOperator } from '../../../src/simulation/run-operator.ts'

const d = (text: string) => taggedDecimal(Decimal.parse(text)!)

function summed(values: readonly JsonValue[], restoredAt = -1): string {
  let sum = new Sum()
  for (const [index, value] of values.entries()) {
    if (index === restoredAt) sum = Sum.load(decodeJson(encodeJson(sum.save())))
    sum.add(value)
  }
  return encodeJson(sum.result())
}

describe('sums with decimals', () => {
  it('are decimals, with the numbers among them as they are written', () => {
    expect(summed([d('0.10'), d('0.20')])).toBe('"0.30"')
    expect(summed([0.5, d('0.10'), 2])).toBe('"2.60"')
    expect(summed([1, 2])).toBe('3')
    expect(new Sum().result()).toBe(null)
  })

  it('are exactly what whole numbers of cents are, in any order and over a restart', () => {
    const cents = fc.array(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), {
      minLength: 1,
      maxLength: 40,
    })
    fc.assert(
      fc.property(
        cents,
        fc.nat(40),
        fc.array(fc.integer(), { maxLength: 5 }),
        (all, at, numbers) => {
          const values: JsonValue[] = [
            ...all.map((cent) => taggedDecimal(Decimal.of(cent, 2)!)),
            ...numbers,
          ]
          const total =
            all.reduce((sum, cent) => sum + cent, 0n) +
            numbers.reduce((sum, n) => sum + 100n * BigInt(n), 0n)
          const expected = encodeJson(Decimal.of(total, 2))
          expect(summed(values, at % values.length)).toBe(expected)
          expect(summed(values.toReversed())).toBe(expected)
        },
      ),
    )
  })

  it('have a mean of as many decimals as it needs', () => {
    const mean = new Average()
    for (const text of ['1.00', '2.00', '2.00']) mean.add(d(text))
    expect(encodeJson(Average.load(mean.save()).result())).toBe(
      '"1.666666666666666666666666666666667"',
    )
  })

  it('come out of an aggregate, with the least and the greatest by value', () => {
    const cast = (text: string) => Decimal.parse(text)!
    const input: JsonValue[] = ['9.99', '10.5', '0.01'].map((text) => ({ a: cast(text) }))
    const run = runOperator(
      aggregate,
      {
        fields: {
          sum: 'sum(value.a)',
          twice: 'sum(value.a) * 2',
          least: 'min(value.a)',
          most: 'max(value.a)',
          first: 'first(value.a)',
          mean: 'round(avg(value.a), 2)',
        },
      },
      input,
    )
    expect(run.failed).toEqual([])
    expect(run.emitted).toEqual([
      { sum: '20.50', twice: '41.00', least: '0.01', most: '10.5', first: '9.99', mean: '6.83' },
    ])
  })

  it('refuse a decimal that sums could not hold', () => {
    const run = runOperator(aggregate, { fields: { sum: 'sum(value.a)' } }, [
      { a: Decimal.parse('9'.repeat(500))! },
      { a: Decimal.parse('1')! },
    ])
    expect(run.failed[0]).toMatchObject({ code: 'RECORD_NUMBER' })
    expect(run.emitted).toEqual([{ sum: '1' }])
  })
})
