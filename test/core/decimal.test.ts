import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Decimal, maxDecimalDigits } from '../../src/core/decimal.ts'

const scale = 20
/** Numbers of up to 40 digits with up to 20 decimals: their units at a scale of 20, and their text. */
const number = fc
  .tuple(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.integer({ min: 0, max: scale }))
  .map(([units, decimals]) => ({
    units: units * 10n ** BigInt(scale - decimals),
    text: textOf(units, decimals),
  }))

function textOf(units: bigint, decimals: number): string {
  const digits = String(units < 0n ? -units : units).padStart(decimals + 1, '0')
  const point = digits.length - decimals
  const fraction = decimals === 0 ? '' : `.${digits.slice(point)}`
  return `${units < 0n ? '-' : ''}${digits.slice(0, point)}${fraction}`
}

const decimal = (text: string) => {
  const parsed = Decimal.parse(text)
  if (parsed === null) throw new TypeError(`${text} is no decimal`)
  return parsed
}
const unitsAt = (value: Decimal | null, at: number) => {
  const [whole = '', fraction = ''] = String(value).split('.')
  return BigInt(whole + fraction.padEnd(at, '0'))
}

describe('decimals', () => {
  it('add, subtract, multiply and compare as whole numbers do', () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        const [left, right] = [decimal(a.text), decimal(b.text)]
        expect(unitsAt(Decimal.add(left, right), scale)).toBe(a.units + b.units)
        expect(unitsAt(Decimal.subtract(left, right), scale)).toBe(a.units - b.units)
        expect(unitsAt(Decimal.multiply(left, right), 2 * scale)).toBe(a.units * b.units)
        expect(Math.sign(Decimal.compare(left, right))).toBe(
          a.units < b.units ? -1 : a.units > b.units ? 1 : 0,
        )
        if (b.units !== 0n)
          expect(unitsAt(Decimal.remainder(left, right), scale)).toBe(a.units % b.units)
      }),
    )
  })

  it('have the text that they were made of, and the sums of their decimals', () => {
    fc.assert(
      fc.property(number, ({ text }) => {
        expect(decimal(text).toString()).toBe(text)
      }),
    )
    expect(String(Decimal.add(decimal('0.10'), decimal('0.2')))).toBe('0.30')
    expect(String(Decimal.multiply(decimal('0.10'), decimal('0.2')))).toBe('0.020')
    expect(JSON.stringify({ a: decimal('12.50') })).toBe('{"a":"12.50"}')
  })

  it('divide to the nearest of 34 significant digits, exactly where the quotient ends', () => {
    const divided = (a: string, b: string) => String(Decimal.divide(decimal(a), decimal(b)))
    expect(divided('1', '8')).toBe('0.125')
    expect(divided('10.00', '4')).toBe('2.50')
    expect(divided('-1', '3')).toBe('-0.3333333333333333333333333333333333')
    expect(divided('2', '3')).toBe('0.6666666666666666666666666666666667')
    expect(divided('1e40', '1')).toBe(`1${'0'.repeat(40)}`)
    expect(Decimal.divide(decimal('1'), decimal('0.00'))).toBe(null)
    fc.assert(
      fc.property(number, number, (a, b) => {
        if (b.units === 0n) return
        const quotient = Decimal.divide(decimal(a.text), decimal(b.text))!
        const back = Decimal.subtract(
          Decimal.multiply(quotient, decimal(b.text))!,
          decimal(a.text),
        )!
        const error = Math.abs(Decimal.toNumber(back))
        expect(error).toBeLessThanOrEqual(1e-33 * Math.abs(Decimal.toNumber(decimal(a.text))))
      }),
    )
  })

  it('round halves away from zero, and fill up with zeros', () => {
    const rounded = (text: string, places: number) => String(Decimal.round(decimal(text), places))
    expect([rounded('1.005', 2), rounded('-1.005', 2), rounded('1.0049', 2)]).toEqual([
      '1.01',
      '-1.01',
      '1.00',
    ])
    expect([rounded('2.5', 0), rounded('-0.4', 0), rounded('7', 2)]).toEqual(['3', '0', '7.00'])
    const whole = (text: string) =>
      (['zero', 'below', 'above'] as const).map((towards) =>
        String(Decimal.whole(decimal(text), towards)),
      )
    expect(whole('1.5')).toEqual(['1', '1', '2'])
    expect(whole('-1.5')).toEqual(['-1', '-2', '-1'])
    expect(whole('-2.0')).toEqual(['-2', '-2', '-2'])
  })

  it('are as numbers are written', () => {
    expect(String(Decimal.fromNumber(0.1))).toBe('0.1')
    expect(String(Decimal.fromNumber(1e21))).toBe('1000000000000000000000')
    expect(String(Decimal.fromNumber(-1.5e-7))).toBe('-0.00000015')
    expect([Number.NaN, Infinity].map((value) => Decimal.fromNumber(value))).toEqual([null, null])
  })

  it.each([
    '',
    '.',
    '-',
    '+',
    '1.2.3',
    '1e',
    'e5',
    '0x10',
    '1 000',
    'Infinity',
    '1n',
    '٣',
    '1e9999',
    '1e-1001',
  ])('are not made of %j', (text) => expect(Decimal.parse(text)).toBe(null))

  it('have so many digits and no more, however they come to be', () => {
    const most = decimal('9'.repeat(maxDecimalDigits))
    expect(Decimal.parse('9'.repeat(maxDecimalDigits + 1))).toBe(null)
    expect(Decimal.parse('1'.repeat(1_000_000))).toBe(null)
    expect(Decimal.add(most, decimal('1'))).toBe(null)
    expect(Decimal.multiply(most, most)).toBe(null)
    expect(Decimal.add(most, decimal('0.1'))).toBe(null)
    expect(Decimal.round(decimal('1'), maxDecimalDigits)).toBe(null)
  })

  it('show none of their parts', () => {
    expect(Object.keys(decimal('1.5'))).toEqual([])
    expect(
      Object.getOwnPropertyNames(Decimal.prototype).toSorted((a, b) => a.localeCompare(b)),
    ).toEqual(['constructor', 'toJSON', 'toString'])
  })
})
