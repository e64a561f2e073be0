import { describe, expect, it } from 'vitest'
import { encodeJson } from '../../../src/core/json.ts'
import { parse } from '../../../src/operators/cleaning/parse.ts'
import { bound, InputRecord, runOperator } from '../../../src/simulation/run-operator.ts'

const codes = (run: ReturnType<typeof runOperator>) => run.failed.map(({ code }) => code)

describe('parse of whole records', () => {
  it('takes the text of the record, whatever its format', () => {
    const run = (config: unknown, text: string) => runOperator(parse, config, [text]).emitted
    expect(run('json', '{"a":[1]}')).toEqual([{ a: [1] }])
    expect(run('text', '{"a":[1]}')).toEqual([{ line: '{"a":[1]}' }])
    expect(run('kv', 'a=1  b=x=y')).toEqual([{ a: '1', b: 'x=y' }])
    expect(run('logfmt', 'a="1 2" b')).toEqual([{ a: '1 2', b: true }])
    expect(run('query', '?a=1&b=x%20y+z&a=2')).toEqual([{ a: ['1', '2'], b: 'x y z' }])
    expect(run({ format: 'csv', columns: ['a', 'b'], delimiter: ';' }, '1;2\r\n')).toEqual([
      { a: '1', b: '2' },
    ])
    expect(run({ format: 'kv', delimiter: ';', separator: ':' }, 'a: 1; b: 2;')).toEqual([
      { a: '1', b: '2' },
    ])
  })

  it('keeps numbers of JSON exact', () => {
    const { emitted } = runOperator(parse, 'json', ['{"id":12345678901234567890}'])
    expect(encodeJson(emitted[0]!)).toBe('{"id":12345678901234567890}')
  })

  it('gives null for a group that took no part', () => {
    const config = { format: 'regex', pattern: '^(?<a>\\d+)(?:-(?<b>\\d+))?$' }
    expect(runOperator(parse, config, ['1', '1-2']).emitted).toEqual([
      { a: '1', b: null },
      { a: '1', b: '2' },
    ])
  })

  it('fails what is not in the format', () => {
    const run = (config: unknown, ...texts: string[]) => codes(runOperator(parse, config, texts))
    expect(run('json', '{', '', 'NaN', '['.repeat(100_000))).toEqual(Array(4).fill('RECORD_PARSE'))
    expect(run({ format: 'regex', pattern: '(?<a>\\d)' }, 'x')).toEqual(['RECORD_PARSE'])
    expect(run({ format: 'csv', columns: ['a', 'b'] }, '1', '1,2,3', '"1,2')).toEqual(
      Array(3).fill('RECORD_PARSE'),
    )
    expect(run('kv', 'a', '', '=1')).toEqual(Array(3).fill('RECORD_PARSE'))
    expect(run('logfmt', '"', '', 'a="', '=1', 'a="1"x')).toEqual(Array(5).fill('RECORD_PARSE'))
    expect(run('query', 'a=%zz')).toEqual(['RECORD_PARSE'])
  })

  it('fails a record without a value, and bytes that are no UTF-8', () => {
    const broken = new InputRecord({ raw: Buffer.from([0x61, 0xff, 0xfe]) })
    expect(codes(runOperator(parse, 'text', [broken]))).toEqual(['RECORD_DECODE'])
    const empty = new InputRecord({ raw: null })
    expect(codes(runOperator(parse, 'text', [empty]))).toEqual(['RECORD_PARSE'])
  })

  it('matches a hostile text in linear time', () => {
    const config = { format: 'regex', pattern: '^(?<a>(a+)+)$' }
    expect(codes(runOperator(parse, config, [`${'a'.repeat(100_000)}!`]))).toEqual(['RECORD_PARSE'])
  })
})

describe('parse of a field', () => {
  it('replaces the field, or puts the result elsewhere', () => {
    const input = [{ id: 1, a: '{"b":2}' }]
    expect(runOperator(parse, { format: 'json', field: 'a' }, input).emitted).toEqual([
      { id: 1, a: { b: 2 } },
    ])
    expect(runOperator(parse, { format: 'json', field: 'a', into: 'x.y' }, input).emitted).toEqual([
      { id: 1, a: '{"b":2}', x: { y: { b: 2 } } },
    ])
  })

  it('lets missing fields and null pass', () => {
    const input = [{}, { a: null }]
    expect(runOperator(parse, { format: 'kv', field: 'a' }, input).emitted).toEqual(input)
    expect(runOperator(parse, { format: 'kv', field: 'a', into: 'b' }, input).emitted).toEqual([
      { b: null },
      { a: null, b: null },
    ])
  })

  it('fails a field that is no text, and a value that is no object', () => {
    const run = runOperator(parse, { format: 'json', field: 'a' }, [
      { a: 1 },
      { a: {} },
      'x',
      { a: '{' },
    ])
    expect(codes(run)).toEqual(['RECORD_TYPE', 'RECORD_TYPE', 'RECORD_TYPE', 'RECORD_PARSE'])
  })
})

describe('the setting of parse', () => {
  it('tells the runtime by `field` whether it takes the text of the record', () => {
    expect(bound(parse, 'json')).toMatchObject({ field: null })
    expect(bound(parse, { format: 'json', field: 'a' })).toMatchObject({ field: 'a' })
  })

  it('is refused where it cannot work', () => {
    const refused = [
      'regex',
      'csv',
      { format: 'regex', pattern: '(\\d)' },
      { format: 'regex', pattern: '(?<a>' },
      { format: 'regex', pattern: '(?<constructor>a)' },
      { format: 'csv', columns: [] },
      { format: 'csv', columns: ['a', 'a'] },
      { format: 'csv', columns: ['__proto__'] },
      { format: 'csv', columns: ['a'], delimiter: ',,' },
      { format: 'json', into: 'a' },
      { format: 'json', pattern: 'a' },
      { format: 'xml' },
      {},
    ]
    for (const config of refused) expect(() => runOperator(parse, config, [])).toThrow()
  })

  it('tells the fields where the format does', () => {
    const after = (config: unknown, before: ReadonlySet<string> | null = null) =>
      parse.fieldsAfter!(before, bound(parse, config) as never)
    expect(after('text')).toEqual(new Set(['line']))
    expect(after({ format: 'csv', columns: ['a', 'b'] })).toEqual(new Set(['a', 'b']))
    expect(after({ format: 'regex', pattern: '(?<a>x)(?<b>y)?' })).toEqual(new Set(['a', 'b']))
    expect(after('json', new Set(['a']))).toBeNull()
    expect(after({ format: 'json', field: 'a', into: 'b.c' }, new Set(['a']))).toEqual(
      new Set(['a', 'b']),
    )
    expect(after({ format: 'json', field: 'a' })).toBeNull()
  })
})
