import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { copyJson, putField } from '../../src/core/copy-json.ts'
import {
  decodeJson,
  encodeJson,
  isJsonObject,
  type JsonObject,
  type JsonValue,
} from '../../src/core/json.ts'

/** All lists and objects inside a value, and itself. */
function containers(value: JsonValue): JsonValue[] {
  if (Array.isArray(value)) return [value, ...value.flatMap(containers)]
  return isJsonObject(value) ? [value, ...Object.values(value).flatMap(containers)] : []
}

describe('copyJson', () => {
  it('makes an equal value that shares no list and no object', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const value = decodeJson(text)
        const copy = copyJson(value)
        expect(encodeJson(copy)).toBe(encodeJson(value))
        const originals = new Set(containers(value))
        expect(containers(copy).some((container) => originals.has(container))).toBe(false)
      }),
    )
  })

  it('keeps times and exact numbers what they are', () => {
    const value = { at: new Date(5), n: decodeJson('12345678901234567890') }
    const copy = copyJson(value) as JsonObject
    expect(copy['at']).toBeInstanceOf(Date)
    expect(encodeJson(copy)).toBe(encodeJson(value))
  })

  it('copies a field named __proto__ as a field', () => {
    const copy = copyJson(decodeJson('{"__proto__":{"polluted":1}}')) as JsonObject
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
    expect(encodeJson(copy)).toBe('{"__proto__":{"polluted":1}}')
  })
})

describe('putField', () => {
  it('makes fields that can be changed and removed, whatever their name', () => {
    const object: JsonObject = {}
    for (const name of ['a', '__proto__', 'constructor']) putField(object, name, 1)
    putField(object, '__proto__', 2)
    expect(encodeJson(object)).toBe('{"a":1,"__proto__":2,"constructor":1}')
    expect(delete object['__proto__']).toBe(true)
  })
})
