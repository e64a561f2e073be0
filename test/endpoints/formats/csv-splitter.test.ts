import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PipelineError } from '../../../src/core/errors.ts'
import { CsvSplitter, type CsvSettings } from '../../../src/endpoints/formats/csv-splitter.ts'
import { cutAll } from '../reading/chunked-stream.ts'

function aSplitter(settings: Partial<CsvSettings> = {}): CsvSplitter {
  return new CsvSplitter({
    delimiter: ',',
    quote: '"',
    encoding: 'utf8',
    columns: null,
    maxRecord: 1_000_000,
    path: 'test',
    ...settings,
  })
}

async function rows(text: string | Uint8Array, settings: Partial<CsvSettings> = {}) {
  const { maxRecord = 1_000_000 } = settings
  return await cutAll(aSplitter(settings), Buffer.from(text as string), { maxRecord })
}

async function values(text: string, settings: Partial<CsvSettings> = {}): Promise<unknown[]> {
  const all = await rows(text, settings)
  expect(all.filter(({ failure }) => failure !== null)).toEqual([])
  return all.map(({ value }) => JSON.parse(value) as unknown)
}

describe('CsvSplitter', () => {
  it('reads every well-formed file as csv-parse does', async () => {
    const cell = fc.string({
      unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', ' ', 'é', '\\', '\u0001'),
      maxLength: 8,
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        async (cells, always) => {
          const quoted = (text: string): string =>
            always || /["\n\r,]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
          const text = ['x,y,z', ...cells.map((row) => row.map(quoted).join(','))].join('\n')
          expect(await values(text)).toEqual(parse(text, { columns: true, record_delimiter: '\n' }))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('tells the line of each row, also behind a field with line breaks in it', async () => {
    const all = await rows('a,b\r\n1,"x\r\ny\r\nz"\r\n\r\n2,y\r\n3\r\n')
    expect(all.map(({ line }) => line)).toEqual([2, 6, 7])
    expect(all[2]?.failure).toBe(
      'RECORD_DECODE test, line 7, byte offset 25: the row has 1 fields for 2 columns',
    )
    expect(all[2]?.value).toBe('3')
  })

  it('fails a row with a bad quote with its first line only, and reads the rows behind it', async () => {
    const all = await rows('a,b\n1,"x\n2,y\n3,"z"\n4,"q"w\n5,u"v\n6,ok\n7,"never closed\n8,last')
    expect(
      all.map(({ value, failure }) =>
        failure === null ? (JSON.parse(value) as { a: string }).a : value,
      ),
    ).toEqual(['1,"x', '2', '3', '4,"q"w', '5,u"v', '6', '7,"never closed', '8'])
    expect(all.map(({ failure }) => failure?.replace(/^.*: /, ''))).toMatchObject([
      'a closing quote is followed by something else than a delimiter or the end of the line',
      undefined,
      undefined,
      'a closing quote is followed by something else than a delimiter or the end of the line',
      'a quote stands inside a field that does not begin with one',
      undefined,
      'a quoted field is not closed',
      undefined,
    ])
  })

  it('does not let an unclosed quote swallow more than its line when the row grows too long', async () => {
    const text = `a,b\n1,"x\n${'2,y\n'.repeat(1_000)}`
    const all = await rows(text, { maxRecord: 500 })
    expect(all[0]).toMatchObject({ value: '1,"x', line: 2 })
    expect(all[0]?.failure).toContain('RECORD_TOO_LARGE')
    expect(all).toHaveLength(1_001)
    expect(all.slice(1).every(({ failure }) => failure === null)).toBe(true)
  })

  it('takes names such as __proto__ as columns like any other', async () => {
    const [row] = await rows('__proto__,constructor\n1,2\n')
    expect(row?.value).toBe('{"__proto__":"1","constructor":"2"}')
    expect(({} as Record<string, unknown>)['1']).toBeUndefined()
  })

  it('refuses two columns of one name', async () => {
    await expect(rows('a,b,a\n1,2,3\n')).rejects.toThrow('two columns are named "a"')
    await expect(rows('a,b,a\n')).rejects.toBeInstanceOf(PipelineError)
  })

  it('refuses a first row that cannot be a header', async () => {
    await expect(rows('a,"b\n1,2\n')).rejects.toThrow('its first row is no header')
    await expect(rows(Buffer.from([0x61, 0xff, 0x0a]))).rejects.toThrow(
      'its first row is no header',
    )
  })

  it('fails a row that is no UTF-8 with its bytes, rather than changing them', async () => {
    const [row] = await rows(Buffer.from([0x61, 0x0a, 0xe9, 0x0a]))
    expect(row?.failure).toContain('set encoding: latin1')
    expect(Buffer.from(row?.value ?? '', 'latin1')).toEqual(Buffer.from([0xe9]))
    const [latin] = await cutAll(
      aSplitter({ encoding: 'latin1' }),
      Buffer.from([0x61, 0x0a, 0xe9, 0x0a]),
    )
    expect(JSON.parse(latin?.value ?? '')).toEqual({ a: 'é' })
  })

  it('takes other delimiters and quotes, and none', async () => {
    expect(await values("a;b\n1;'x;y'\n", { delimiter: ';', quote: "'" })).toEqual([
      { a: '1', b: 'x;y' },
    ])
    expect(await values('a,b\n"1,x\n', { quote: '' })).toEqual([{ a: '"1', b: 'x' }])
  })

  it('gives nothing for an empty file, one with a header only, and one of line ends', async () => {
    expect(await values('')).toEqual([])
    expect(await values('a,b\n')).toEqual([])
    expect(await values('a,b')).toEqual([])
    expect(await values('\n\r\n\n')).toEqual([])
  })

  it('keeps NUL bytes in text', async () => {
    expect(await values('a\nx\u0000y\n')).toEqual([{ a: 'x\u0000y' }])
  })
})
