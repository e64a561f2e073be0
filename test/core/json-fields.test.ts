import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonFields } from '../../src/core/json-fields.ts'
import { decodeJson, encodeJson, type JsonObject } from '../../src/core/json.ts'

const names = ['a', 'user_id', 'ü', 'länge']
const fields = new JsonFields(names)

/** Read from the middle of a larger block, as values lie in a batch. */
function read(text: string | Buffer): JsonObject | null {
  const value = typeof text === 'string' ? Buffer.from(text) : text
  const block = Buffer.concat([Buffer.from('"before'), value, Buffer.from('}"after')])
  return fields.read(block, 7, 7 + value.length)
}

/** The same by decoding everything. */
function picked(text: string): JsonObject {
  const all = decodeJson(text) as JsonObject
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)))
}

/** Equal, whatever the order of the fields. */
function sorted(value: JsonObject): string {
  return encodeJson(
    Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))),
  )
}

const value = fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' })
const object = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), value)

describe('JsonFields', () => {
  it('reads what decoding everything gives for these fields', () => {
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 1, '\t'), (all, indent) => {
        const text = JSON.stringify(all, null, indent)
        const found = read(text)
        // Names with escapes are left to the full decoder.
        if (found === null) expect(text).toMatch(/\\/)
        else expect(sorted(found)).toBe(sorted(picked(text)))
      }),
      { numRuns: 1_000 },
    )
  })

  it('accepts no text that JSON.parse refuses, wherever a byte is changed or the end is cut', () => {
    fc.assert(
      fc.property(
        object,
        fc.nat(),
        fc.integer({ min: 32, max: 126 }),
        fc.boolean(),
        (all, at, byte, cuts) => {
          const bytes = Buffer.from(JSON.stringify(all))
          const place = at % bytes.length
          const broken = cuts ? bytes.subarray(0, place) : Buffer.from(bytes)
          if (!cuts) broken[place] = byte
          const found = read(broken)
          if (found !== null) expect(sorted(found)).toBe(sorted(picked(broken.toString('utf8'))))
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it.each([
    '',
    ' ',
    '{',
    '{}x',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{,}',
    '{"a":01}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":+1}',
    '{"a":1e}',
    '{"a":-}',
    '{"a":tru}',
    '{"a":nul',
    '{"a":"\u0001"}',
    '{"a":"\\x"}',
    '{"a":"\\u12g4"}',
    '{"a":"x',
    '{"a":[1,]}',
    '{"a":{"b" 1}}',
    '{a:1}',
    "{'a':1}",
    '[1]',
    '1',
    '"a"',
    'null',
    '{"a":1}{"a":1}',
  ])('leaves %j to the full decoder', (text) => {
    expect(read(text)).toBeNull()
  })

  it('leaves invalid UTF-8 to the full decoder', () => {
    expect(read(Buffer.from([0x7b, 0x22, 0x62, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]))).toBeNull()
  })

  it('leaves an object with a field twice to the full decoder, and gives exact numbers', () => {
    expect(read('{"a":1,"b":{"a":3},"a":2}')).toBeNull()
    expect(read('{"a":1,"b":{"a":3}}')).toEqual({ a: 1 })
    expect(encodeJson(read('{"a":9007199254740993}'))).toBe('{"a":9007199254740993}')
    expect(encodeJson(read('{"a":1e400,"user_id":-12.5}'))).toBe('{"a":1e400,"user_id":-12.5}')
  })

  it('reads texts with escapes and characters of any length', () => {
    expect(read('{"a":"x\\n\\u00fc\\"","ü":"漢字","länge":" é "}')).toEqual({
      a: 'x\nü"',
      ü: '漢字',
      länge: ' é ',
    })
  })

  it('leaves what nests deep to the full decoder', () => {
    expect(read(`{"b":${'['.repeat(10_000)}${']'.repeat(10_000)}}`)).toBeNull()
  })
})

describe('JsonFields.splice', () => {
  const ascii = new JsonFields(['a', 'b', 'new'])
  const asciiValue = fc.jsonValue({ maxDepth: 2, stringUnit: 'binary-ascii' })
  const asciiObject = fc.dictionary(
    fc.oneof(fc.constantFrom('a', 'b', 'new'), fc.string({ unit: 'binary-ascii' })),
    asciiValue,
  )
  const edits = fc.dictionary(fc.constantFrom('a', 'b', 'new'), fc.jsonValue({ maxDepth: 2 }))

  it('gives what decoding, changing and encoding everything gives', () => {
    fc.assert(
      fc.property(asciiObject, edits, fc.constantFrom(undefined, 2), (all, changed, indent) => {
        const text = JSON.stringify(all, null, indent)
        const bytes = Buffer.from(`xx${text}yy`)
        const some = ascii.read(bytes, 2, 2 + Buffer.byteLength(text))
        if (some === null) return
        const spliced = ascii.splice(Object.assign(some, changed))
        expect(JSON.parse(spliced)).toEqual(
          JSON.parse(JSON.stringify({ ...(JSON.parse(text) as object), ...changed })),
        )
      }),
      { numRuns: 2_000 },
    )
  })

  it('leaves what nobody changed as it was written', () => {
    const text = '{ "x" : 1.50, "a": 1e2 , "y":[1, 2] }'
    const bytes = Buffer.from(text)
    const some = ascii.read(bytes, 0, bytes.length)!
    expect(ascii.splice(some)).toBe(text)
    expect(ascii.splice({ ...some, a: 'é"', new: null })).toBe(
      '{ "x" : 1.50, "a": "é\\"" , "y":[1, 2] ,"new":null}',
    )
  })

  it('writes an object that was changed inside, and fields into an empty one', () => {
    const nested = Buffer.from('{"a":{"n":1},"b":2}')
    const some = ascii.read(nested, 0, nested.length)!
    Object.assign(some['a'] as object, { n: 2 })
    expect(ascii.splice(some)).toBe('{"a":{"n":2},"b":2}')
    expect(ascii.read(Buffer.from('{ }'), 0, 3)).toEqual({})
    expect(ascii.splice({ a: 1, b: new Date(0) })).toBe('{ "a":1,"b":"1970-01-01T00:00:00.000Z"}')
  })
})
