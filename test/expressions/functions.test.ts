import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RecordFailure } from '../../src/core/errors.ts'
import { decodeJson, type JsonValue } from '../../src/core/json.ts'
import { Decimal } from '../../src/core/decimal.ts'
import { functionGroups, functionsByName } from '../../src/expressions/functions.ts'
import { evaluateSource, failureOf } from './evaluate-source.ts'

const definitions = functionGroups.flatMap(({ functions }) => functions)

describe('every function', () => {
  it.each(
    definitions.flatMap(({ examples }) =>
      examples.map(({ expression, result }) => [expression, result] as const),
    ),
  )('does as its example says: %s', (expression, result) => {
    const given = evaluateSource(expression)
    // It leaves as its text.
    expect(given instanceof Decimal ? given.toString() : given).toEqual(result)
  })

  it('has a name of its own and a summary of whole sentences', () => {
    expect(functionsByName.size).toBe(definitions.length)
    for (const { name, summary } of definitions) {
      expect(name).toMatch(/^[a-z]\w*$/)
      expect(summary).toMatch(/\.$/)
    }
  })

  it('gives JSON or fails the record on any values, but never throws anything else', () => {
    const anyValue: fc.Arbitrary<JsonValue> = fc.oneof(
      fc.jsonValue() as fc.Arbitrary<JsonValue>,
      fc.date({ noInvalidDate: false }),
      fc.constant(decodeJson('12345678901234567890')),
      fc.constantFrom<JsonValue>('2026-01-01', '{', '%', '', -1, 0.5, 1e308, [[]], [null]),
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...definitions),
        fc.array(anyValue, { minLength: 4, maxLength: 4 }),
        (definition, values) => {
          const codes = definition.parameters.map((parameter, index) => {
            if (parameter.kind === 'arrow') return '(a, b) => b ?? a'
            return parameter.kind === 'pattern' ? '/a?b*/' : `value[${index}]`
          })
          try {
            const result = evaluateSource(`${definition.name}(${codes.join()})`, values)
            expect(result).not.toBe(undefined)
            expect(typeof result === 'number' ? Number.isFinite(result) : true).toBe(true)
          } catch (thrown) {
            if (!(thrown instanceof RecordFailure)) throw thrown
          }
        },
      ),
      { numRuns: 3_000 },
    )
  })

  it('lets null through as its first argument', () => {
    const asking = new Set([
      'string',
      'type',
      'is_null',
      'if_null',
      'coalesce',
      'to_json',
      'boolean',
      'number',
      'integer',
      'time',
      'min',
      'max',
      'range',
    ])
    for (const { name, parameters } of definitions) {
      if (asking.has(name)) continue
      const required = parameters.slice(1).filter(({ optional }) => !optional)
      const rest = required.map(({ kind }) =>
        kind === 'arrow' ? 'x => x' : kind === 'pattern' ? '/a/' : '1',
      )
      expect(evaluateSource(`${name}(${['value.missing', ...rest].join()})`), name).toBe(null)
    }
  })
})

describe('functions', () => {
  it.each([
    'upper([1])',
    'trim({})',
    'length(5)',
    'round(1.5, 16)',
    "round('1')",
    'split(1, {})',
    "repeat('a', -1)",
    'keys([1])',
    "number('12px')",
    "integer('1.5')",
    "boolean('perhaps')",
    "time('2026-02-30')",
    "iso('soon')",
    "truncate_time(0, 'toString')",
    "format_time(0, 'YYYY')",
    "format_time(0, 'yyyy', 'Mars/Base')",
    "parse_json('{')",
    "url_decode('%E0%A4%A')",
    'sort_by([1, "a"], x => x)',
    'min(1, {})',
    'max([[]])',
    "sum(['1'])",
    'map(5, x => x)',
    'range(0, 5, 0)',
  ])('fail the record on what they cannot take: %s', (source) => {
    expect(failureOf(source).code).toBe('RECORD_EXPRESSION')
  })

  it.each([
    'sqrt(-1)',
    'log(0)',
    'pow(2, 60)',
    'exp(1000)',
    "number('1e400')",
    "number('9007199254740993')",
    'sum([9007199254740991, 1])',
    'range(1e17, 1e17)',
  ])('fail the record on numbers out of range: %s', (source) => {
    expect(failureOf(source).code).toBe('RECORD_NUMBER')
  })

  it('evaluate later values of coalesce and if_null only when they are needed', () => {
    expect(evaluateSource("if_null(value.a, number('x'))", { a: 1 })).toBe(1)
    expect(evaluateSource("coalesce(value.x, value.a, number('x'))", { a: 0 })).toBe(0)
  })

  it('sort with nulls last and equal keys in their order', () => {
    const value = {
      list: [
        { k: 2, n: 1 },
        { k: null, n: 2 },
        { k: 1, n: 3 },
        { k: 2, n: 4 },
      ],
    }
    expect(evaluateSource('map(sort_by(value.list, x => x.k), x => x.n)', value)).toEqual([
      3, 1, 4, 2,
    ])
    expect(evaluateSource("map(sort_by(value.list, x => x.k, 'desc'), x => x.n)", value)).toEqual([
      1, 4, 3, 2,
    ])
  })

  it('leave the data that they work on as it is', () => {
    const value = { list: [3, 1, 2], object: { a: [1] } }
    evaluateSource(
      '[reverse(value.list), sort_by(value.list, x => x), flatten([value.list]), { ...value.object, b: 1 }]',
      value,
    )
    expect(value).toEqual({ list: [3, 1, 2], object: { a: [1] } })
  })

  it('format times in zones with summer time', () => {
    expect(
      evaluateSource(
        "[format_time('2026-01-15T12:00:00Z', 'HH:mm', 'Europe/Amsterdam'), format_time('2026-07-15T12:00:00Z', 'HH:mm', 'Europe/Amsterdam')]",
      ),
    ).toEqual(['13:00', '14:00'])
    expect(evaluateSource('format_time(0, "yyyy-MM-dd\'T\'HH:mm:ss.SSS")')).toBe(
      '1970-01-01T00:00:00.000',
    )
    expect(evaluateSource("format_time('2026-01-15T12:00:00Z', 'HH:mm', 'Asia/Kolkata')")).toBe(
      '17:30',
    )
    expect(
      evaluateSource(
        "map(['year', 'month', 'week', 'day', 'minute', 'second'], unit => slice(iso(truncate_time('2026-03-12T13:45:10.5Z', unit)), 5, 19))",
      ),
    ).toEqual([
      '01-01T00:00:00',
      '03-01T00:00:00',
      '03-09T00:00:00',
      '03-12T00:00:00',
      '03-12T13:45:00',
      '03-12T13:45:10',
    ])
  })

  it('take each other as arguments, with names of parameters that hide outer ones', () => {
    const value = { rows: [{ v: [1, 2] }, { v: [3] }] }
    expect(
      evaluateSource('map(value.rows, value => sum(map(value.v, value => value * 2)))', value),
    ).toEqual([6, 6])
  })
})
