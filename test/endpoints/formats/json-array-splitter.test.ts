import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonArraySplitter } from '../../../src/endpoints/formats/json-array-splitter.ts'
import { cutAll } from '../reading/chunked-stream.ts'

async function cut(text: string, maxRecord = 10_000_000, size = 3) {
  return await cutAll(new JsonArraySplitter('start'), Buffer.from(text), {
    maxRecord,
    sizes: [size],
  })
}

const latin = (text: string): string => Buffer.from(text).toString('latin1')

describe('JsonArraySplitter', () => {
  it('gives the original bytes of each element of any JSON array', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue()),
        fc.constantFrom(0, 1, 2),
        async (items, indent) => {
          const records = await cut(JSON.stringify(items, null, indent))
          expect(records.every(({ failure }) => failure === null)).toBe(true)
          const texts = records.map(({ value }) => Buffer.from(value, 'latin1').toString())
          expect(texts.map((text) => JSON.parse(text) as unknown)).toEqual(
            JSON.parse(JSON.stringify(items)),
          )
          if (indent === 0) expect(texts).toEqual(items.map((item) => JSON.stringify(item)))
        },
      ),
    )
  })

  it('tells the line where each element begins', async () => {
    const records = await cut('[\n  {\n    "a": 1\n  },\n  2,\n\n  "x"\n]\n')
    expect(records.map(({ line }) => line)).toEqual([2, 5, 7])
  })

  it.each([
    ['{"a":1}', [], 'expected a JSON array, found "{"', '{"a":1}'],
    ['', [], 'there is no JSON array', ''],
    [' \n', [], 'there is no JSON array', ''],
    ['[1, {"a":"x', ['1'], 'ends in the middle of an element', '{"a":"x'],
    ['[1, 2', ['1'], 'ends in the middle of an element', '2'],
    ['[1,', ['1'], 'ends before its `]`', ''],
    ['[{}', ['{}'], 'ends before its `]`', ''],
    ['[', [], 'ends before its `]`', ''],
    ['[1] x [2]', ['1'], 'expected nothing after the JSON array, found "x"', 'x [2]'],
    ['[{} {}]', ['{}'], 'expected a comma or `]`', '{}]'],
    ['[1,,2]', ['1'], 'expected an element of the JSON array, found ","', ',2]'],
    ['[1,]', ['1'], 'expected an element of the JSON array, found "]"', ']'],
    ['é', [], 'found byte 195', 'é'],
  ])('makes the broken rest of %j one failure', async (text, values, message, rest) => {
    for (const size of [1, 4, 100]) {
      const records = await cut(text, 1_000, size)
      const failures = records.filter(({ failure }) => failure !== null)
      expect(records.filter(({ failure }) => failure === null).map(({ value }) => value)).toEqual(
        values,
      )
      expect(failures).toHaveLength(1)
      expect(failures[0]?.failure).toContain('RECORD_DECODE')
      expect(failures[0]?.failure).toContain(message)
      expect(failures[0]?.value).toBe(latin(rest))
    }
  })

  it('hands a broken element to the stage as it is, and goes on', async () => {
    const records = await cut('[nul, {"a":1], 2, "\\u12"]')
    expect(records.map(({ value, failure }) => [value, failure])).toEqual([
      ['nul', null],
      ['{"a":1]', null],
      ['2', null],
      ['"\\u12"', null],
    ])
  })

  it('cuts an element that nests 100,000 deep without recursion', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    const records = await cut(`[${deep}, 1]`, 10_000_000, 4_096)
    expect(records.map(({ value }) => value.length)).toEqual([200_000, 1])
  })

  it('reads on behind an element that is too long', async () => {
    const records = await cut(`[1, "${'x\\"'.repeat(5_000)}", {"b":[2]}]`, 100)
    expect(records.map(({ value }) => value.length)).toEqual([1, 100, 9])
    expect(records[1]?.failure).toContain(
      'RECORD_TOO_LARGE test, line 1, byte offset 4: it has 15002 bytes',
    )
  })

  it('keeps the code of a broken rest that is longer than max_record', async () => {
    const [record] = await cut(`{"a":"${'x'.repeat(5_000)}"}`, 100)
    expect(record?.failure).toContain('RECORD_DECODE')
    expect(record?.value).toHaveLength(100)
  })
})
