import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeJson, encodeJson, type JsonValue } from '../../../src/core/json.ts'
import { canonicalJson, plainJson } from '../../../src/operators/analysis/plain-json.ts'

describe('plain JSON', () => {
  it('is what comes back from JSON text', () => {
    const value = {
      at: new Date(0),
      list: [new Date(1), decodeJson('12345678901234567890')],
      none: null,
    }
    expect(encodeJson(plainJson(value))).toBe(encodeJson(value))
    expect(plainJson(value)).toMatchObject({ at: '1970-01-01T00:00:00.000Z' })
    expect(plainJson(new Date(Number.NaN))).toBe(null)
  })

  it('shares nothing with the original', () => {
    const value = { list: [{ a: 1 }] }
    const copy = plainJson(value) as typeof value
    value.list[0]!.a = 2
    expect(copy.list[0]!.a).toBe(1)
  })

  it('keeps a field named __proto__ as a field', () => {
    const copy = plainJson(decodeJson('{"__proto__":{"admin":true}}'))
    expect(encodeJson(copy)).toBe('{"__proto__":{"admin":true}}')
    expect((copy as { admin?: boolean }).admin).toBe(undefined)
  })

  it('fails the record for what nests too deep or is no JSON number', () => {
    let deep: JsonValue = 1
    for (let level = 0; level < 950; level++) deep = [deep]
    expect(() => plainJson(deep)).toThrow(expect.objectContaining({ code: 'RECORD_ENCODE' }))
    expect(() => plainJson([Number.NaN])).toThrow(
      expect.objectContaining({ code: 'RECORD_NUMBER' }),
    )
  })
})

describe('canonical JSON', () => {
  it('is one text for values that are equal, and itself JSON', () => {
    expect(canonicalJson({ b: [1, 'x'], a: { d: null, c: true } })).toBe(
      '{"a":{"c":true,"d":null},"b":[1,"x"]}',
    )
    fc.assert(
      fc.property(fc.jsonValue() as fc.Arbitrary<JsonValue>, (value) => {
        const text = canonicalJson(value)
        expect(canonicalJson(decodeJson(text))).toBe(text)
        expect(decodeJson(text)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})
