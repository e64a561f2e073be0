import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeJson, encodeJson, isExactNumber, isJsonObject } from '../../src/core/json.ts'

describe('decodeJson and encodeJson', () => {
  it('agree with JSON.parse and JSON.stringify on every value that a double holds', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        expect(encodeJson(decodeJson(text))).toBe(JSON.stringify(JSON.parse(text)))
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    '9007199254740993',
    '-9007199254740993',
    '123456789012345678901234567890',
    '0.1234567890123456789',
    '1e400',
    '-1e-400',
    '12345678901234567890.5',
    '3.14159265358979323846',
  ])('keep %s as it is', (number) => {
    expect(encodeJson(decodeJson(`{"a":[${number}]}`))).toBe(`{"a":[${number}]}`)
    expect(isExactNumber(decodeJson(number))).toBe(true)
  })

  it.each([
    '1234567890123456',
    '0.30000000000000004',
    '1e5',
    '1E21',
    '100000000000000000000',
    '1.10',
    '0.000001',
    '-0.0',
  ])('read %s as a number, because a double holds it', (number) => {
    expect(decodeJson(`[ ${number} ]`)).toEqual([Number(number)])
  })

  it('takes digits in a text for what they are', () => {
    const text =
      '{"id":"12345678901234567890","hash":"ab1e400cd:1e400","t":"00:00:00.0000000000000001"}'
    expect(encodeJson(decodeJson(text))).toBe(text)
    expect(typeof (decodeJson(text) as { id: unknown }).id).toBe('string')
  })

  it('does not take an object of the user with the name rawJSON for a number', () => {
    expect(isExactNumber(decodeJson('{"rawJSON":"1"}'))).toBe(false)
    expect(isJsonObject(decodeJson('{"rawJSON":"1"}'))).toBe(true)
  })

  it.each([1_001, 100_000])('refuses a text nested %d deep at once', (depth) => {
    expect(() => decodeJson('['.repeat(depth) + ']'.repeat(depth))).toThrow(RangeError)
    expect(() => decodeJson('{"a":'.repeat(depth) + '1' + '}'.repeat(depth))).toThrow(RangeError)
  })

  it('is not misled about depth by brackets in texts', () => {
    const text = JSON.stringify({ a: '[{"'.repeat(5_000), b: '\\' })
    expect(encodeJson(decodeJson(text))).toBe(text)
  })

  it('keeps a field called __proto__ a field', () => {
    const value = decodeJson('{"__proto__":{"polluted":true}}')
    expect(encodeJson(value)).toBe('{"__proto__":{"polluted":true}}')
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})
