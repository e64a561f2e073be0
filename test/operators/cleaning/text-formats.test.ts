import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RecordFailure } from '../../../src/core/errors.ts'
import {
  maxFields,
  readCsv,
  readLogfmt,
  readPairs,
  readQuery,
  refusedNames,
} from '../../../src/operators/cleaning/text-formats.ts'

const csv = (text: string, count: number) =>
  Object.values(
    readCsv(text, {
      columns: Array.from({ length: count }, (_, index) => `c${index}`),
      delimiter: ',',
      quote: '"',
    }),
  )
const pairs = { delimiter: ' ', separator: '=' }
const failure = (read: () => unknown): string => {
  try {
    read()
  } catch (thrown) {
    if (thrown instanceof RecordFailure && thrown.code === 'RECORD_PARSE') return thrown.message
    throw thrown
  }
  return 'nothing failed'
}

describe('a csv row', () => {
  it('is the same after writing and reading, whatever the values', () => {
    const values = fc.array(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', 'é') }), {
      minLength: 1,
      maxLength: 6,
    })
    fc.assert(
      fc.property(values, (row) => {
        const text = row.map((value) => `"${value.replaceAll('"', '""')}"`).join(',')
        expect(csv(text, row.length)).toEqual(row)
      }),
    )
  })

  it('has empty values between, before and after delimiters', () => {
    expect(csv(',', 2)).toEqual(['', ''])
    expect(csv('"a",', 2)).toEqual(['a', ''])
    expect(csv(',"",b', 3)).toEqual(['', '', 'b'])
  })

  it('fails on quotes that are open, in the middle, or followed by text', () => {
    expect(failure(() => csv('"a', 1))).toBe('the row has a quote that is not closed')
    expect(failure(() => csv('a"b"', 1))).toContain('inside a value')
    expect(failure(() => csv('"a"b', 1))).toContain('after a closing quote')
  })

  it('is not read on after one value too many', () => {
    expect(failure(() => csv(','.repeat(1_000_000), 3))).toBe(
      'the row has more than 3 values for 3 columns',
    )
    expect(failure(() => csv(`"",${'"a",'.repeat(1_000_000)}`, 3))).toBe(
      'the row has more than 3 values for 3 columns',
    )
  })
})

describe('pairs', () => {
  it('reads a logfmt line with escapes, bare names and empty values', () => {
    expect(readLogfmt(' at=info msg="say \\"hi\\"\\n" path=/a?b=c ok empty= q="" ')).toEqual({
      at: 'info',
      msg: 'say "hi"\n',
      path: '/a?b=c',
      ok: true,
      empty: '',
      q: '',
    })
  })

  it('takes very long values without running out of stack', () => {
    const long = 'x'.repeat(10_000_000)
    expect(readLogfmt(`a="${long}" b=${long}`)).toEqual({ a: long, b: long })
    expect(readPairs(`a=${long}`, pairs)).toEqual({ a: long })
    expect(failure(() => readLogfmt(`a="${'\\"'.repeat(5_000_000)}`))).toContain('not closed')
  })

  it('lets no text bring in names that reach into every object', () => {
    for (const name of refusedNames) {
      expect(failure(() => readPairs(`${name}=1`, pairs))).toBe(`the name ${name} is not allowed`)
      expect(failure(() => readLogfmt(`${name}=1`))).toContain('not allowed')
      expect(failure(() => readQuery(`a=1&${name}=1`))).toContain('not allowed')
    }
    expect(readQuery('toString=1')).toEqual(Object.fromEntries([['toString', '1']]))
  })

  it('ends at a limit of pairs', () => {
    const many = (delimiter: string) =>
      Array.from({ length: maxFields + 1 }, (_, index) => `k${index}=1`).join(delimiter)
    for (const read of [
      () => readPairs(many(' '), pairs),
      () => readLogfmt(many(' ')),
      () => readQuery(many('&')),
    ]) {
      expect(failure(read)).toBe(`the text has more than ${maxFields} pairs`)
    }
  })

  it('reads an empty query as no fields at all', () => {
    expect(readQuery('')).toEqual({})
    expect(readQuery('?')).toEqual({})
    expect(readQuery('a&b=&&c=%C3%A9')).toEqual({ a: '', b: '', c: 'é' })
  })

  it('reads every query that URLSearchParams writes', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.string()), (fields) => {
        fc.pre(!Object.keys(fields).some((name) => refusedNames.has(name)))
        expect(readQuery(new URLSearchParams(fields).toString())).toEqual(fields)
      }),
    )
  })
})
