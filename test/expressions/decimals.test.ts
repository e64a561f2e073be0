import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Decimal } from '../../src/core/decimal.ts'
import { RecordFailure } from '../../src/core/errors.ts'
import { decodeJson, encodeJson, type JsonValue } from '../../src/core/json.ts'
import { StepRecord } from '../../src/core/step-record.ts'
import { compileExpression } from '../../src/expressions/compile.ts'

function evaluate(source: string, value: JsonValue = {}): JsonValue {
  const record = new StepRecord()
  record.value = value
  return compileExpression(source)(record)
}

const d = (text: string) => Decimal.parse(text)!
const inJson = (source: string, value?: JsonValue) => encodeJson(evaluate(source, value))
const price = {
  p: d('19.99'),
  q: d('0.10'),
  z: d('0.00'),
  n: 3,
  x: 0.1,
  text: '20',
  at: new Date(5),
}

describe('decimals in expressions', () => {
  it.each([
    ['value.p * value.n', '"59.97"'],
    ['value.n * value.p', '"59.97"'],
    ['value.q + value.q + value.q', '"0.30"'],
    ['value.q + value.x', '"0.20"'],
    ['value.p - 0.99', '"19.00"'],
    ['-value.p', '"-19.99"'],
    ['+value.p', '"19.99"'],
    ['value.p % 5', '"4.99"'],
    ['value.q / 4', '"0.025"'],
    ['value.n / value.q', '"30"'],
    ['round(value.p * 1.21, 2)', '"24.19"'],
    ['round(value.p)', '"20"'],
    ['floor(value.p)', '"19"'],
    ['ceil(-value.p)', '"-19"'],
    ['abs(-value.p)', '"19.99"'],
    ['sign(value.z)', '0'],
    ['sqrt(value.q * 10)', '1'],
    ['value.p ** 1', '19.99'],
    ["'EUR ' + value.p", '"EUR 19.99"'],
    ['`EUR ${value.p}`', '"EUR 19.99"'],
    ['string(value.q)', '"0.10"'],
    ['number(value.q)', '0.1'],
    ['type(value.p)', '"decimal"'],
    ['typeof value.p', '"number"'],
    ['to_json({ p: value.p })', '"{\\"p\\":\\"19.99\\"}"'],
    ['max(value.p, value.q, 7)', '"19.99"'],
    ['sum(map([value.p, value.q], x => x))', '"20.09"'],
  ])('%s is %s', (source, json) => {
    expect(inJson(source, price)).toBe(json)
  })

  it.each([
    ['value.p > 19', true],
    ['value.q == 0.1', true],
    ["value.p < '20'", true],
    ['value.p < value.text', true],
    ['value.q === value.q * 1', true],
    ['value.q === 0.1', true],
    ["value.q === '0.10'", false],
    ['value.z == false', true],
    ['value.p == null', false],
    ['value.p > null', false],
    ["value.p > 'many'", false],
    ['value.q != value.p', true],
    ['contains([0.1], value.q)', true],
    ['value.missing?.a == value.p', false],
  ])('%s is %s', (source, expected) => {
    expect(evaluate(source, price)).toBe(expected)
  })

  it.each([
    ['value.p + null', 'RECORD_EXPRESSION'],
    ['value.p * value.text', 'RECORD_EXPRESSION'],
    ['value.p - [1]', 'RECORD_EXPRESSION'],
    ['value.p / 0', 'RECORD_NUMBER'],
    ['value.n % value.z', 'RECORD_NUMBER'],
    ['value.p * 9007199254740993', 'RECORD_NUMBER'],
    ["decimal('x')", 'RECORD_EXPRESSION'],
    ['decimal(true)', 'RECORD_EXPRESSION'],
    ['round(value.p, 101)', 'RECORD_EXPRESSION'],
    ["decimal('9e999') * decimal('9e999')", 'RECORD_NUMBER'],
  ])('%s fails the record with %s', (source, code) => {
    expect(() => evaluate(source, price)).toThrow(RecordFailure)
    try {
      evaluate(source, price)
    } catch (thrown) {
      expect((thrown as RecordFailure).code).toBe(code)
    }
  })

  it('calculate with numbers that a double cannot hold', () => {
    const value = decodeJson('{"big":12345678901234567890.123}')
    expect(inJson("decimal('0.001') + value.big", value)).toBe('"12345678901234567890.124"')
    expect(evaluate("decimal('12345678901234567890.123') == value.big", value)).toBe(true)
  })

  it.each(['units', 'scale', 'toJSON', 'toString', 'constructor', 'length', 'parse'])(
    'have no field %s',
    (name) => {
      const source = name === 'constructor' ? "value.p['constru' + 'ctor']" : `value.p.${name}`
      let result: JsonValue = null
      try {
        result = evaluate(source, price)
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(RecordFailure)
      }
      expect(result).toBe(null)
    },
  )

  it('are exact where numbers are not: the parts of an amount are the amount', () => {
    const cents = fc.array(fc.integer({ min: -1_000_000, max: 1_000_000 }), { maxLength: 50 })
    fc.assert(
      fc.property(cents, (all) => {
        const parts = all.map((cent) => Decimal.of(BigInt(cent), 2)!)
        const sum = evaluate("sum([decimal('0'), ...value.parts])", { parts })
        const expected = Decimal.of(
          all.reduce((total, cent) => total + BigInt(cent), 0n),
          2,
        )!
        expect(Decimal.compare(sum as Decimal, expected)).toBe(0)
      }),
    )
  })
})
