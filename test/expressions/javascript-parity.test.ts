import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RecordFailure } from '../../src/core/errors.ts'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { evaluateSource } from './evaluate-source.ts'

/**
 * An expression as users write it, and the JavaScript that means the same. They are the same text but
 * for `exact(...)` around arithmetic: our one difference there is that inexact results fail.
 */
interface Pair {
  readonly ours: string
  readonly javascript: string
}

const number = fc.oneof(
  fc.integer({ min: -1_000, max: 1_000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }),
  fc.constantFrom(0, -0, 0.1, 9007199254740991),
)
const text = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom('', '0', '1', ' 12 ', 'a', '1e3', 'true', '\u{1F600}', '__proto__'),
)
const record = fc.record({
  n1: number,
  n2: number,
  s1: text,
  s2: text,
  b1: fc.boolean(),
  list: fc.array(number, { maxLength: 4 }),
  object: fc.record({ n: number, at: text }),
})

const same = (code: string): Pair => ({ ours: code, javascript: code })
const join = (parts: readonly string[], ...pairs: Pair[]): Pair => ({
  ours: parts.map((part, index) => part + (pairs[index]?.ours ?? '')).join(''),
  javascript: parts.map((part, index) => part + (pairs[index]?.javascript ?? '')).join(''),
})
const exact = ({ ours, javascript }: Pair): Pair => ({
  ours: `(${ours})`,
  javascript: `exact(${javascript})`,
})
const raw = (operator: string): Pair => same(operator)

const { bool, num, str } = fc.letrec<{ bool: Pair; num: Pair; str: Pair }>((tie) => ({
  num: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc
      .constantFrom(
        'value.n1',
        'value.n2',
        'value["n1"]',
        'value.object.n',
        'value?.n2',
        'value.s1.length',
        'value.list.length',
      )
      .map(same),
    fc.nat({ max: 100 }).map((value) => same(String(value))),
    fc
      .tuple(tie('num'), fc.constantFrom('+', '-', '*', '/', '%'), tie('num'))
      .map(([a, operator, b]) => exact(join`${a} ${raw(operator)} ${b}`)),
    fc
      .tuple(tie('num'), fc.constantFrom('2', '3', '0'))
      .map(([a, b]) => exact(join`${join`(${a})`} ** ${same(b)}`)),
    tie('num').map((a) => exact(join`-(${a})`)),
    fc
      .tuple(tie('bool'), tie('num'), tie('num'))
      .map(([test, a, b]) => join`(${test} ? ${a} : ${b})`),
    fc.tuple(tie('num'), tie('num')).map(([a, b]) => join`(value.missing ?? ${a} ?? ${b})`),
    fc.tuple(tie('num'), tie('num')).map(([a, b]) => join`(${a} || ${b})`),
  ),
  str: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom('value.s1', 'value["s2"]', 'value.object.at').map(same),
    text.map((value) => same(JSON.stringify(value))),
    fc.tuple(tie('str'), fc.oneof(tie('str'), tie('num'))).map(([a, b]) => join`(${a} + ${b})`),
    fc.tuple(tie('num'), tie('str')).map(([a, b]) => join`(${a} + ${b})`),
    fc
      .tuple(tie('num'), tie('str'), tie('bool'))
      .map(([a, b, c]) => join(['`<${', '}-${', '}${', '}`'], a, b, c)),
    fc.oneof(tie('str'), tie('num'), tie('bool')).map((a) => join`(typeof ${a})`),
    fc.tuple(tie('bool'), tie('str')).map(([a, b]) => join`(${a} ? ${b} : 'no')`),
  ),
  bool: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom('value.b1', 'true', 'false').map(same),
    fc
      .tuple(
        fc.oneof(tie('num'), tie('str'), tie('bool')),
        fc.constantFrom('<', '<=', '>', '>=', '==', '!=', '===', '!=='),
        fc.oneof(tie('num'), tie('str'), tie('bool')),
      )
      .map(([a, operator, b]) => join`(${a} ${raw(operator)} ${b})`),
    fc
      .tuple(fc.oneof(tie('num'), tie('str')), fc.constantFrom('== null', '!= null'))
      .map(([a, b]) => join`(${a} ${raw(b)})`),
    fc.oneof(tie('num'), tie('str'), tie('bool')).map((a) => join`(!${a})`),
    fc
      .tuple(tie('bool'), fc.constantFrom('&&', '||'), tie('bool'))
      .map(([a, operator, b]) => join`(${a} ${raw(operator)} ${b})`),
  ),
}))
const made: fc.Arbitrary<Pair> = fc
  .oneof(num, str, bool)
  .chain((inner) =>
    fc.constantFrom(
      inner,
      join`[${inner}, ...value.list]`,
      join`({ ...value.object, a: ${inner}, ['x' + value.s1]: 1 })`,
      join`({ a: [${inner}] }).a[0]`,
    ),
  )

class Inexact extends Error {}

function exactResult(value: number): number {
  if (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER) throw new Inexact()
  return value
}

function outcome(run: () => unknown): unknown {
  try {
    return { result: run() }
  } catch (thrown) {
    if (thrown instanceof Inexact) return 'inexact'
    if (thrown instanceof RecordFailure && thrown.code === 'RECORD_NUMBER') return 'inexact'
    throw thrown
  }
}

describe('expressions over numbers, texts and booleans', () => {
  it('give what JavaScript gives', () => {
    fc.assert(
      fc.property(made, record, ({ ours, javascript }, value) => {
        // oxlint-disable-next-line typescript/no-implied-eval -- the reference is JavaScript itself
        const reference = new Function('value', 'exact', `return (${javascript})`) as (
          value: unknown,
          exact: unknown,
        ) => unknown
        expect(outcome(() => evaluateSource(ours, value as JsonObject))).toEqual(
          outcome(() => reference(value, exactResult)),
        )
      }),
      { numRuns: 5_000 },
    )
  })
})

const anyData: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.jsonValue() as fc.Arbitrary<JsonValue>,
  fc.date(),
  fc.constantFrom<JsonValue>(null, '', 0),
)
const anySource = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom(
      'value.a',
      'value.b.c',
      'value.b',
      'null',
      '1',
      "'a'",
      'true',
      'value.list',
      '[]',
      '({})',
      'key',
      'value[0]',
    ),
    fc
      .tuple(
        tie('any'),
        fc.constantFrom('+', '-', '*', '/', '%', '**', '<', '>=', '==', '!==', '&&', '||'),
        tie('any'),
      )
      .map(([a, operator, b]) => `((${a}) ${operator} (${b}))`),
    fc.tuple(tie('any'), tie('any')).map(([a, b]) => `((${a}) ?? (${b}))`),
    fc.tuple(tie('any'), tie('any')).map(([a, b]) => `(${a})[${b}]`),
    fc.tuple(tie('any'), tie('any')).map(([a, b]) => `map([${a}, ...[${b}]], x => [x, ${a}])`),
    fc.tuple(tie('any'), tie('any')).map(([a, b]) => `({ a: ${a}, ...if_null(null, ${b}) })`),
    fc
      .tuple(
        fc.constantFrom(
          'upper',
          'length',
          'keys',
          'to_json',
          'type',
          'string',
          'first',
          'sum',
          'round',
        ),
        tie('any'),
      )
      .map(([name, a]) => `${name}(${a})`),
    fc
      .tuple(fc.constantFrom('!', '-', '+', 'typeof '), tie('any'))
      .map(([operator, a]) => `(${operator}(${a}))`),
  ),
})).any

describe('expressions over any data', () => {
  it('give data or fail the record, and nothing else', () => {
    fc.assert(
      fc.property(
        anySource,
        fc.record({ a: anyData, b: anyData, list: fc.array(anyData) }),
        (source, value) => {
          const before = structuredClone(value)
          try {
            expectData(evaluateSource(source, value))
          } catch (thrown) {
            if (!(thrown instanceof RecordFailure)) throw thrown
          }
          expect(value).toEqual(before)
        },
      ),
      { numRuns: 5_000 },
    )
  })

  it('compare null as false, where JavaScript takes it for 0', () => {
    for (const source of ['null >= 0', 'null < 1', '-1 < null'])
      expect(evaluateSource(source)).toBe(false)
  })
})

function expectData(value: unknown): void {
  expect(['object', 'string', 'boolean', 'number']).toContain(typeof value)
  if (typeof value === 'number') expect(Number.isNaN(value)).toBe(false)
  if (typeof value === 'object' && value !== null)
    for (const part of Object.values(value)) expectData(part)
}
