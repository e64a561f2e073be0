import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareDecimals, isDecimalText } from '../../src/expressions/decimal-text.ts'

describe('compareDecimals', () => {
  it('orders integers as bigints do', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt(), (left, right) => {
        const expected = left < right ? -1 : left > right ? 1 : 0
        expect(Math.sign(compareDecimals(String(left), String(right)))).toBe(expected)
      }),
    )
  })

  it('orders doubles as numbers do', () => {
    const double = fc.double({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(double, double, (left, right) => {
        expect(Math.sign(compareDecimals(String(left), String(right)))).toBe(
          Math.sign(Number(left > right) - Number(left < right)),
        )
      }),
    )
  })

  it('takes different texts of one number as equal', () => {
    for (const text of ['1.50', '+1.5', '0.15e1', '15E-1', '00001.500', '150e-2'])
      expect(compareDecimals(text, '1.5')).toBe(0)
    expect(compareDecimals('-0', '0.000')).toBe(0)
  })

  it('is fast on huge exponents and long texts', () => {
    expect(compareDecimals('1e999999999', '1e-999999999')).toBeGreaterThan(0)
    expect(compareDecimals(`1${'0'.repeat(100_000)}1`, `1${'0'.repeat(100_000)}2`)).toBeLessThan(0)
  })

  it('knows what is a decimal number', () => {
    expect(['1', '-1.', '.5', '1e5', '+0'].every(isDecimalText)).toBe(true)
    expect(['', '.', 'e5', '1e', '0x1', 'Infinity', '1 ', '1_0', '--1'].some(isDecimalText)).toBe(
      false,
    )
  })
})
