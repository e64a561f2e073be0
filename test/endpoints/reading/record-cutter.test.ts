import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeSplitter, type InputFormat } from '../../../src/endpoints/formats/input-format.ts'
import type { Splitter } from '../../../src/endpoints/formats/splitter.ts'
import { cutAll } from './chunked-stream.ts'

const csv = {
  header: true,
  quote: '"',
  encoding: 'utf8',
  columns: undefined,
  delimiter: undefined,
} as const

function aSplitter(
  format: InputFormat,
  options: { maxRecord?: number; state?: string; header?: string[] } = {},
): Splitter {
  const { maxRecord = 1_000_000, state = '', header = null } = options
  return makeSplitter({ format, csv, header, maxRecord, begins: null, path: 'test', state })
}

/** Pieces that hit every branch of the splitters when put together at random. */
const pieces = [
  '\n',
  '\r\n',
  '\r',
  '"',
  '""',
  ',',
  '[',
  ']',
  '{',
  '}',
  '\\',
  '\\"',
  ' ',
  'a',
  '12',
  '{"a":1}',
  '"x,y"',
  '\t',
  'é',
  '\u0000',
  'a,b\n',
  '1,2\n',
  ',"',
  '",',
]
const hostileText = fc
  .array(fc.constantFrom(...pieces), { maxLength: 60 })
  .map((parts) => parts.join(''))
const chunkSizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 })
const formats = ['ndjson', 'text', 'csv', 'json_array', 'bytes'] as const

describe('RecordCutter', () => {
  for (const format of formats) {
    it(`finds the same records of ${format} in whatever chunks they come`, async () => {
      await fc.assert(
        fc.asyncProperty(
          hostileText,
          chunkSizes,
          fc.integer({ min: 1, max: 30 }),
          async (text, sizes, maxRecord) => {
            const bytes = Buffer.from(format === 'csv' ? `h1,h2\n${text}` : text)
            const limited = Math.max(maxRecord, format === 'csv' ? 5 : 1)
            const inChunks = await cutAll(aSplitter(format, { maxRecord: limited }), bytes, {
              sizes,
              maxRecord: limited,
            })
            const atOnce = await cutAll(aSplitter(format, { maxRecord: limited }), bytes, {
              sizes: [10_000],
              maxRecord: limited,
            })
            expect(inChunks).toEqual(atOnce)
          },
        ),
        { numRuns: 400 },
      )
    })

    it(`goes on behind any record of ${format} as if it had not stopped`, async () => {
      await fc.assert(
        fc.asyncProperty(hostileText, fc.nat({ max: 40 }), async (text, stop) => {
          const bytes = Buffer.from(format === 'csv' ? `h1,h2\n${text}` : text)
          const all = await cutAll(aSplitter(format), bytes)
          const before = all.slice(0, stop)
          const place = before.at(-1)?.place
          if (place === undefined || place.done) return
          const splitter = aSplitter(format, { state: place.state, header: ['h1', 'h2'] })
          const after = await cutAll(splitter, bytes, { place })
          expect([...before, ...after]).toEqual(all)
        }),
        { numRuns: 400 },
      )
    })
  }

  it('goes on behind an element of a JSON array that is too long', async () => {
    const long = JSON.stringify({ text: 'x'.repeat(50) })
    const bytes = Buffer.from(`[1,${long},2,{"a":1}]`)
    for (const sizes of [[10_000], [1], [7]]) {
      const records = await cutAll(aSplitter('json_array', { maxRecord: 20 }), bytes, {
        sizes,
        maxRecord: 20,
      })
      const failures = records.map(({ failure }) => failure?.split(' ')[0] ?? null)
      expect(failures).toEqual([null, 'RECORD_TOO_LARGE', null, null])
      expect(records.at(-1)!.value).toBe('{"a":1}')
    }
  })

  it('loses no byte of a line-based input: values and line ends make up the whole', async () => {
    await fc.assert(
      fc.asyncProperty(hostileText, chunkSizes, async (text, sizes) => {
        const bytes = Buffer.from(text)
        const records = await cutAll(aSplitter('text'), bytes, { sizes })
        const lines = bytes.toString('latin1').split('\n')
        if (lines.at(-1) === '') lines.pop()
        expect(records.map(({ value }) => value)).toEqual(
          lines.map((line) => line.replace(/\r$/, '')),
        )
      }),
    )
  })

  it('keeps the first KiB of a record that is too long, says where it is, and reads on', async () => {
    const text = `{"a":1}\n${'x'.repeat(5_000)}\n{"b":2}\n`
    const records = await cutAll(aSplitter('ndjson', { maxRecord: 2_000 }), Buffer.from(text), {
      sizes: [333],
      maxRecord: 2_000,
    })
    expect(records.map(({ value }) => value)).toEqual(['{"a":1}', 'x'.repeat(1_024), '{"b":2}'])
    expect(records[1]?.failure).toBe(
      'RECORD_TOO_LARGE test, line 2, byte offset 8: it has 5001 bytes, more than max_record (2000); its first 1024 bytes are kept',
    )
    expect(records[2]?.line).toBe(3)
  })

  it('takes a record of exactly max_record bytes, with either line end', async () => {
    const line = 'y'.repeat(100)
    for (const end of ['\n', '\r\n', '']) {
      for (const size of [1, 50, 101, 102, 500]) {
        const records = await cutAll(
          aSplitter('text', { maxRecord: 100 }),
          Buffer.from(line + end),
          { sizes: [size], maxRecord: 100 },
        )
        expect(records.map(({ failure }) => failure)).toEqual([null])
      }
    }
  })

  it('holds little more than one record in memory, however long a line is', async () => {
    const bytes = Buffer.alloc(40_000_000, 'z')
    const before = process.memoryUsage().arrayBuffers
    let peak = 0
    const splitter = aSplitter('ndjson', { maxRecord: 1_000_000 })
    const find = splitter.find.bind(splitter)
    splitter.find = (window) => {
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before)
      return find(window)
    }
    const [record] = await cutAll(splitter, bytes, { sizes: [65_536], maxRecord: 1_000_000 })
    expect(record?.failure).toContain('it has 40000000 bytes')
    expect(peak).toBeLessThan(8_000_000)
  })

  it('does not take a byte order mark for a part of the first record', async () => {
    for (const size of [1, 2, 3, 100]) {
      const bytes = Buffer.from('\ufeff{"a":1}\n{"b":2}')
      const records = await cutAll(aSplitter('ndjson'), bytes, { sizes: [size] })
      expect(records.map(({ value }) => value)).toEqual(['{"a":1}', '{"b":2}'])
      expect(records[0]?.place.offset).toBe(11)
    }
    expect(await cutAll(aSplitter('ndjson'), Buffer.from('\ufeff'))).toEqual([])
  })

  it('takes a last line again when it has grown since, and not when it has not', async () => {
    const first = await cutAll(aSplitter('ndjson'), Buffer.from('{"a":1}\n{"b":2'))
    const place = { ...first.at(-1)!.place, done: false }
    expect(place).toMatchObject({ offset: 8, taken: 6 })
    const grown = await cutAll(aSplitter('ndjson'), Buffer.from('{"a":1}\n{"b":22}\n'), { place })
    expect(grown.map(({ value }) => value)).toEqual(['{"b":22}'])
    for (const rest of ['\n', '\r\n']) {
      const ended = await cutAll(
        aSplitter('ndjson'),
        Buffer.from(`{"a":1}\n{"b":2${rest}{"c":3}`),
        { place },
      )
      expect(ended.map(({ value, line }) => ({ value, line }))).toEqual([
        { value: '{"c":3}', line: 3 },
      ])
    }
  })

  it('reads the broken end of a JSON array again once the file has grown', async () => {
    const first = await cutAll(aSplitter('json_array'), Buffer.from('[1, {"a":'))
    expect(first.map(({ value, failure }) => [value, failure?.split(' ')[0]])).toEqual([
      ['1', undefined],
      ['{"a":', 'RECORD_DECODE'],
    ])
    const place = { ...first.at(-1)!.place, done: false }
    const grown = await cutAll(
      aSplitter('json_array', { state: place.state }),
      Buffer.from('[1, {"a":5}, 7]'),
      { place },
    )
    expect(grown.map(({ value }) => value)).toEqual(['{"a":5}', '7'])
  })
})
