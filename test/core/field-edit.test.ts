import { describe, expect, it } from 'vitest'
import { RecordFailure } from '../../src/core/errors.ts'
import { fieldEdit, kindOf, placeField } from '../../src/core/field-edit.ts'
import { parseFieldPath } from '../../src/core/field-path.ts'
import { decodeJson, encodeJson, type JsonObject, type JsonValue } from '../../src/core/json.ts'

const twice = (value: JsonValue): JsonValue => (typeof value === 'number' ? value * 2 : value)

function edited(field: string, object: JsonObject, missing?: JsonValue): string {
  fieldEdit(parseFieldPath(field), twice, missing)(object)
  return encodeJson(object)
}

describe('fieldEdit', () => {
  it('replaces a field by what the edit makes of it, at any depth', () => {
    expect(edited('a', { a: 1, b: 1 })).toBe('{"a":2,"b":1}')
    expect(edited('a.b.c', { a: { b: { c: 1 } } })).toBe('{"a":{"b":{"c":2}}}')
  })

  it('leaves a missing field missing, or gives it the value for missing ones', () => {
    expect(edited('a', {})).toBe('{}')
    expect(edited('a', {}, null)).toBe('{"a":null}')
    expect(edited('a.b', { a: {} }, null)).toBe('{"a":{"b":null}}')
    expect(edited('a.b', {}, null)).toBe('{}')
    expect(edited('a.b', { a: [] }, null)).toBe('{"a":[]}')
  })

  it('edits own fields only', () => {
    expect(edited('toString', {}, null)).toBe('{"toString":null}')
    expect(edited('hasOwnProperty', decodeJson('{"hasOwnProperty":4}') as JsonObject)).toBe(
      '{"hasOwnProperty":8}',
    )
  })
})

describe('placeField', () => {
  it('makes objects on the way, and fails where something else is in it', () => {
    const object: JsonObject = { text: 'x' }
    placeField(object, ['a', 'b', 'c'], 1)
    expect(object).toEqual({ text: 'x', a: { b: { c: 1 } } })
    expect(() => placeField(object, ['text', 'b'], 1)).toThrow(RecordFailure)
  })
})

describe('kindOf', () => {
  it('says what a value is', () => {
    const values = [
      undefined,
      null,
      'x',
      1,
      true,
      [],
      {},
      new Date(0),
      decodeJson('12345678901234567890'),
    ]
    expect(values.map(kindOf)).toEqual([
      'missing',
      'null',
      'a string',
      'a number',
      'a boolean',
      'a list',
      'an object',
      'a timestamp',
      'a number',
    ])
  })
})
