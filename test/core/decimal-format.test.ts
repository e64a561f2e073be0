import { describe, expect, it } from 'vitest'
import { decodeJson, encodeJson } from '../../src/core/json.ts'
import { decimalConverter } from '../../src/core/decimal-format.ts'

const made = (format: Parameters<typeof decimalConverter>[0], text: string | number | boolean) => {
  const value = decimalConverter(format)(text)
  return value === undefined || value === null ? value : encodeJson(value).slice(1, -1)
}

describe('decimals in texts', () => {
  it('have a point, or what the setting says', () => {
    expect(made({}, ' 12.50 ')).toBe('12.50')
    expect(made({}, '+1e3')).toBe('1000')
    expect(made({ decimal: ',' }, '12,50')).toBe('12.50')
    expect(made({ decimal: ',', group: '.' }, '-1.234.567,80')).toBe('-1234567.80')
    expect(made({ group: ' ' }, '1 234.5')).toBe('1234.5')
    expect(made({ decimal: ',', group: '.' }, '1234,5')).toBe('1234.5')
  })

  it.each([
    [{}, '12,50'],
    [{ decimal: ',' }, '12.50'],
    [{ decimal: ',', group: '.' }, '12.50'],
    [{ decimal: ',', group: '.' }, '1.23,4'],
    [{ group: ',' }, '12,34'],
    [{ group: ',' }, ',123'],
    [{ group: ',' }, '1,2345'],
    [{ group: "'" }, '1,234'],
    [{}, 'n/a'],
    [{}, '1.2.3'],
    [{}, true],
    [{}, Number.NaN],
  ] as const)('with %j are not %j', (format, text) => {
    expect(made(format, text)).toBe(undefined)
  })

  it('are exactly the numbers of JSON, and null for nothing', () => {
    const convert = decimalConverter({})
    expect(encodeJson(convert(decodeJson('12345678901234567890.10'))!)).toBe(
      `"12345678901234567890.10"`,
    )
    expect(encodeJson(convert(0.1)!)).toBe(`"0.1"`)
    expect(convert('  ')).toBe(null)
  })
})
