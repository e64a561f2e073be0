import { describe, expect, it } from 'vitest'
import { decodeJson, encodeJson } from '../../src/core/json.ts'
import { StepRecord } from '../../src/core/step-record.ts'
import { compileExpression } from '../../src/expressions/compile.ts'
import { ExpressionError } from '../../src/expressions/expression-error.ts'
import { evaluateSource, failureOf } from './evaluate-source.ts'

function refusalOf(source: string): ExpressionError {
  try {
    compileExpression(source)
  } catch (thrown) {
    if (thrown instanceof ExpressionError) return thrown
    throw thrown
  }
  throw new Error(`${source} was not refused`)
}

describe('reading data', () => {
  it('gives null for what is missing, however far away it is', () => {
    expect(evaluateSource('value.a.b.c', {})).toBe(null)
    expect(evaluateSource('value?.a?.[0]?.c', {})).toBe(null)
    expect(evaluateSource('value.list[7]', { list: [1] })).toBe(null)
    expect(evaluateSource('value.a', null)).toBe(null)
    expect(evaluateSource('value.a', 'text')).toBe(null)
  })

  it('reads the record by the names of its scope', () => {
    const record = new StepRecord()
    record.make({ key: 'k1', value: { a: 1 }, eventTimeMs: 5 })
    expect(
      compileExpression('[key, value.a, topic, partition, offset, timestamp, source, headers.x]')(
        record,
      ),
    ).toEqual(['k1', 1, null, 0, null, null, null, null])
  })

  it('never sees what data inherits', () => {
    for (const name of [
      'toString',
      'valueOf',
      'hasOwnProperty',
      'at',
      'map',
      'trim',
      'getTime',
      '__defineGetter__',
    ]) {
      expect(evaluateSource(`value.${name}`, {})).toBe(null)
      expect(evaluateSource(`value.x.${name}`, { x: [] })).toBe(null)
      expect(evaluateSource(`value.x.${name}`, { x: 'text' })).toBe(null)
      expect(evaluateSource(`value.x.${name}`, { x: new Date(0) })).toBe(null)
      expect(evaluateSource(`value['${name}' + '']`, {})).toBe(null)
      expect(evaluateSource(`value.x['${name}' + '']`, { x: [1] })).toBe(null)
      expect(evaluateSource(`value.${name}.length`, {})).toBe(null)
    }
  })

  it('reads own fields that are called like methods', () => {
    expect(evaluateSource('value.at.link', { at: { link: 'x' } })).toBe('x')
    expect(evaluateSource('value.toString', { toString: 'own' })).toBe('own')
    expect(evaluateSource('value.length', { length: 3 })).toBe(3)
  })

  it('gives the length of texts and lists', () => {
    expect(
      evaluateSource('[value.a.length, value.b.length, value.c.length]', {
        a: 'abc',
        b: [1],
        c: {},
      }),
    ).toEqual([3, 1, null])
    expect(evaluateSource("value.a['len' + 'gth']", { a: 'abc' })).toBe(3)
  })

  it('takes an index as a number or as its text', () => {
    const value = { list: ['a', 'b'], text: 'cd', at: '1', map: 'map' }
    expect(
      evaluateSource(
        "[value.list[1], value.list['1'], value.list[value.at], value.text[1], value.text[value.at]]",
        value,
      ),
    ).toEqual(['b', 'b', 'b', 'd', 'd'])
    expect(
      evaluateSource(
        '[value.list[-1], value.list[0.5], value.text[9], value.list[value.map], value.text[value.map]]',
        value,
      ),
    ).toEqual([null, null, null, null, null])
  })

  it('passes timestamps and exact numbers through unchanged', () => {
    const time = new Date(5)
    expect(evaluateSource('value.t', { t: time })).toBe(time)
    const decoded = decodeJson('{"n":12345678901234567890}')
    expect(encodeJson(evaluateSource('[value.n, value.n.rawJSON]', decoded))).toBe(
      '[12345678901234567890,null]',
    )
    expect(evaluateSource('value.rawJSON', { rawJSON: 1 })).toBe(1)
  })
})

describe('operators', () => {
  it('compare with null as false, except for equality', () => {
    for (const operator of ['<', '>', '<=', '>=']) {
      expect(evaluateSource(`value.x ${operator} 0`)).toBe(false)
      expect(evaluateSource(`0 ${operator} value.x`)).toBe(false)
      expect(evaluateSource(`value.x ${operator} null`)).toBe(false)
    }
    expect(
      evaluateSource(
        '[value.x == null, value.x === null, value.x != null, value.x == 0, value.x == ""]',
      ),
    ).toEqual([true, true, false, false, false])
  })

  it.each([
    'value.x + 1',
    '1 - value.x',
    'value.x * 2',
    'value.x / 2',
    '2 % value.x',
    'value.x ** 2',
    '-value.x',
    '+value.x',
    "'a' + value.x",
    '`a${value.x}`',
  ])('fail the record for arithmetic on null: %s', (source) => {
    expect(failureOf(source).code).toBe('RECORD_EXPRESSION')
    expect(failureOf(source).message).toContain('null')
  })

  it.each(['{}', '[1]', '{ valueOf: 1 }'])('fail the record for %s as an operand', (operand) => {
    for (const operator of ['+', '-', '*', '/', '%', '**', '<', '>=']) {
      expect(failureOf(`(${operand}) ${operator} 1`).code).toBe('RECORD_EXPRESSION')
      expect(failureOf(`'a' ${operator} (${operand})`).code).toBe('RECORD_EXPRESSION')
    }
  })

  it.each(["'3' * 2", 'true + 1', "-'3'", "+'x'", "+''"])(
    'never turn text or booleans into numbers in silence: %s',
    (source) => {
      expect(failureOf(source).code).toBe('RECORD_EXPRESSION')
    },
  )

  it.each([
    '1 / 0',
    '0 / 0',
    '-1 % 0',
    '(-8) ** 0.5',
    '9007199254740991 + 1',
    '9007199254740992 - 9007199254740991',
    '1e300 * 1e300',
    '2 ** 53',
  ])('fail the record where a number is not finite or not exact: %s', (source) => {
    expect(failureOf(source).code).toBe('RECORD_NUMBER')
  })

  it('fail arithmetic on numbers that a double does not hold, and still compare them', () => {
    const value = decodeJson('{"n":9007199254740993,"d":0.12345678901234567890}')
    expect(failureOf('value.n + 1', value).code).toBe('RECORD_NUMBER')
    expect(failureOf('-value.d', value).code).toBe('RECORD_NUMBER')
    expect(
      evaluateSource(
        '[value.n > 9007199254740992, value.d < 1, value.n == value.n, value.n == 9007199254740992]',
        value,
      ),
    ).toEqual([true, true, true, false])
    expect(
      evaluateSource(
        "[typeof value.n, value.n == '9007199254740993', value.n === '9007199254740993', '' + value.n]",
        value,
      ),
    ).toEqual(['number', true, false, '9007199254740993'])
  })

  it('take a timestamp as its epoch milliseconds', () => {
    const value = { a: new Date(1000), b: new Date(3000), c: new Date(1000) }
    expect(
      evaluateSource(
        '[value.b - value.a, value.a + 1, value.a < value.b, value.a == value.c, value.a === value.c, value.a == 1000]',
        value,
      ),
    ).toEqual([2000, 1001, true, true, true, true])
    expect(
      evaluateSource(
        "[value.a < '1970-01-01T00:00:02Z', value.a == '1970-01-01T00:00:01Z', value.a > 'soon']",
        value,
      ),
    ).toEqual([true, true, false])
    expect(evaluateSource('`at ${value.a}`', value)).toBe('at 1970-01-01T00:00:01.000Z')
    expect(failureOf('value.x + 1', { x: new Date(Number.NaN) }).code).toBe('RECORD_NUMBER')
  })

  it('compare lists and objects by identity, without asking them anything', () => {
    const value = { a: { valueOf: 1 }, b: [1] }
    expect(
      evaluateSource(
        "[value.a == value.a, value.b == '1', value.a == '[object Object]', value.b != 1]",
        value,
      ),
    ).toEqual([true, false, false, true])
  })

  it('name the operation in a failure', () => {
    expect(failureOf('1 + value.amount * 2').message).toBe('value.amount * 2: arithmetic on null')
  })
})

describe('lists and objects', () => {
  it('are made with spread, where null is nothing', () => {
    expect(
      evaluateSource('({ ...value, b: 2, ["c" + 1]: 3, ...value.missing })', { a: 1 }),
    ).toEqual({ a: 1, b: 2, c1: 3 })
    expect(evaluateSource('[0, ...value.list, ...value.missing, 9]', { list: [1, 2] })).toEqual([
      0, 1, 2, 9,
    ])
    expect(evaluateSource('{ key, a: 1 }')).toEqual({ key: null, a: 1 })
  })

  it.each([
    "[...'text']",
    '[...1]',
    '[...{}]',
    "({ ...'text' })",
    '({ ...[1] })',
    '({ [null]: 1 })',
    '({ [[]]: 1 })',
  ])('fail the record for %s', (source) => {
    expect(failureOf(source).code).toBe('RECORD_EXPRESSION')
  })
})

describe('errors', () => {
  it.each([
    ['value.amount >', 14, 'unexpected'],
    ['1 + vaule.x', 4, 'did you mean "value"'],
    ['uper(value.x)', 0, 'did you mean "upper"'],
    ['value.x.toUpperCase()', 8, 'upper(text)'],
    ['Math.round(value.x)', 5, 'round(x, digits?)'],
    ['parseFloat(value.x)', 0, 'number(x, fallback?)'],
    ['value.x = 1', 0, '=='],
    ['upper()', 0, 'upper(text)'],
    ['1 + upper(value.a, 2)', 4, 'upper(text)'],
    ['map(value.x, upper)', 13, 'item => result'],
    ['map(value.x, (a, b, c) => a)', 13, 'at most 2'],
    ['upper', 0, 'is a function'],
    ['undefined', 0, 'null'],
    ['sum(value.x) + top_k(value.x, 3)', 15, 'aggregate'],
    ['1; 2', 1, 'end here'],
    ['1) + (2', 1, 'end here'],
    ['matches(value.x, /(a)\\1/)', 22, 'back-reference'],
    ['[1,,2]', 0, 'empty'],
    ['', 0, 'unexpected'],
  ])('tell the place and what to do: %s', (source, offset, message) => {
    const refusal = refusalOf(source)
    expect(refusal.code).toBe('CONFIG_EXPRESSION')
    expect(refusal.message).toContain(message)
    expect(refusal.offset).toBe(offset)
  })

  it('refuse sources that are too long or nest too deep, fast', () => {
    for (const source of [
      `value.${'a'.repeat(20_000)}`,
      '('.repeat(10_000),
      `${'('.repeat(8_000)}1${')'.repeat(8_000)}`,
      `${'!'.repeat(10_000)}1`,
      `${'['.repeat(400)}1${']'.repeat(400)}`,
      `1${'+1'.repeat(4_000)}`,
      `value${'.a'.repeat(4_000)}`,
    ]) {
      expect(refusalOf(source)).toBeInstanceOf(ExpressionError)
    }
  })
})

describe('other scopes', () => {
  it('compile for hooks over event and value', () => {
    const argument = { event: { code: 'RECORD_CAST' }, value: { a: 1 } }
    const evaluate = compileExpression("event.code == 'RECORD_CAST' && value.a > 0", {
      scope: ['event', 'value'],
    })
    expect(evaluate(argument as never)).toBe(true)
    expect(() => compileExpression('topic', { scope: ['event', 'value'] })).toThrow('unknown name')
    expect(() => compileExpression('event.code')).toThrow('unknown name')
  })
})
