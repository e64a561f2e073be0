import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Pattern } from '../../src/core/expression.ts'
import { ExpressionError } from '../../src/expressions/expression-error.ts'
import { compilePattern } from '../../src/expressions/pattern.ts'
import { linearPattern } from '../../src/expressions/pattern-linear.ts'
import { parsePattern } from '../../src/expressions/pattern-syntax.ts'

/** RE2 has to look at text again, the engine of JavaScript is only used where it does not. */
function isNative(source: string, flags = ''): boolean {
  return !compilePattern(source, flags).rescans
}

function expectAsJavaScript(pattern: Pattern, regex: RegExp, text: string): void {
  expect(pattern.test(text)).toBe(regex.test(text))
  const expected = regex.exec(text)
  const found = pattern.exec(text)
  expect(found === null ? null : [found.index, ...found.groups]).toEqual(
    expected === null ? null : [expected.index, ...Array.from(expected, (group) => group ?? null)],
  )
  expect(pattern.replace(text, '<$&|$1>', true)).toBe(
    text.replace(new RegExp(regex.source, `${regex.flags}g`), '<$&|$1>'),
  )
  expect(pattern.replace(text, '-', false)).toBe(text.replace(regex, '-'))
}

describe('compilePattern', () => {
  it.each([
    '^[A-Z]+-\\d+$',
    '^(\\d+)-(\\d+)\\s+(x?)$',
    '\\d+',
    'ab?c',
    '[^a-z]',
    '^\\s*(\\w+)\\s*=([^;]*);',
    '(GET|POST) /',
    '^(?<ip>\\S+) (?<user>\\S+) \\[(?<time>[^\\]]+)\\] "(?<request>[^"]*)" (?<status>\\d{3}) (?<size>\\d+|-)$',
    '^\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}$',
    ',\\s*',
    '',
  ])('uses the engine of JavaScript where it is provably linear: %s', (source) => {
    expect(isNative(source)).toBe(true)
  })

  it.each([
    '^(a+)+$',
    '^(a|a)*$',
    '^(a*)*$',
    'a+b',
    '\\s+$',
    '^a*a*b',
    '^.*x',
    '(x+x+)+y',
    '^(\\w+\\s?)*$',
    '.*.*=',
    '^\\w+\\d+$',
    'a?'.repeat(20) + 'a'.repeat(20),
    '^(a?){30}a{30}$',
    '^[a-z]+[^,]*,',
    '(?:a|ab)(?:c|bcd)(?:d*)x',
    '^a|b+c',
    '[0-9]{1,400}[0-9]{1,400}x',
    '^(?:a|b|ab)(?:a|b|ab)(?:a|b|ab)(?:a|b|ab)(?:a|b|ab)c',
    '(^a+)b',
    '\\b\\w+\\b',
    '^\\s*(\\w+)\\s*=\\s*([^;]*);',
    '^$|x+y',
  ])('uses RE2 where it is not: %s', (source) => {
    expect(isNative(source)).toBe(false)
  })

  it('counts letters in both cases and line starts when flags say so', () => {
    expect([
      isNative('^[a-z]+X', ''),
      isNative('^[a-z]+X', 'i'),
      isNative('^a+b', 'm'),
      isNative('^ä+Ä', 'i'),
      isNative('^k+\u212A', 'iu'),
    ]).toEqual([true, false, false, false, false])
  })

  it.each([
    ['^(a+)+$', `${'a'.repeat(50_000)}!`],
    ['^(a|aa)+$', `${'a'.repeat(50_000)}!`],
    ['(x+x+)+y', 'x'.repeat(50_000)],
    ['\\s+$', `${' '.repeat(50_000)}x`],
    ['a+b', 'a'.repeat(50_000)],
    ['(.*)=(.*)', 'a'.repeat(50_000)],
    ['^(?<a>[a-z]+)-(?<b>\\d+)$', 'a'.repeat(50_000)],
    [
      '^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$',
      'a'.repeat(50_000),
    ],
  ])('answers within 50 ms on 50 kB of hostile text: %s', (source, text) => {
    const pattern = compilePattern(source)
    // The best of several, since other work may be going on beside this test.
    const times = Array.from({ length: 5 }, () => {
      const started = process.hrtime.bigint()
      expect(pattern.test(text)).toBe(false)
      return Number(process.hrtime.bigint() - started) / 1e6
    })
    expect(Math.min(...times)).toBeLessThan(50)
  })

  it('stops a search for all matches that would take quadratic time', () => {
    const pattern = compilePattern('a(.*b)?')
    expect(() => pattern.replace('a'.repeat(10_000), '-', true)).toThrow(
      expect.objectContaining({ code: 'RECORD_EXPRESSION' }),
    )
  })

  it.each([
    ['(?=a)', 'linear time'],
    ['(?!a)b', 'linear time'],
    ['(?<=a)b', 'linear time'],
    ['(?<!a)b', 'linear time'],
    ['(a)\\1', 'linear time'],
    ['(?<x>a)\\k<x>', 'linear time'],
    ['(', 'unterminated'],
    ['a**', 'nothing to repeat'],
    ['[z-a]', 'range out of order'],
    ['\\A', 'unknown escape'],
    ['\\pL', 'unknown escape'],
    ['a{2000}b*c', 'repeat'],
    ['((a{1,1000}){1,1000}){1,1000}', 'large'],
    ['x'.repeat(5_000), 'at most'],
    ['('.repeat(2_000) + ')'.repeat(2_000), 'nests'],
  ])('refuses %s', (source, message) => {
    expect(() => compilePattern(source)).toThrow(ExpressionError)
    expect(() => compilePattern(source)).toThrow(message)
  })

  it('refuses flags that have no meaning here', () => {
    for (const flags of ['y', 'g', 'v', 'd', 'x', 'ii'])
      expect(() => compilePattern('a', flags)).toThrow(ExpressionError)
  })

  it('gives named groups, null where one took no part', () => {
    const pattern = compilePattern('^(?<key>\\w+)(?:=(?<value>.*))?$')
    expect([...pattern.groupNames]).toEqual([
      ['key', 1],
      ['value', 2],
    ])
    expect(pattern.exec('a=1')?.groups).toEqual(['a=1', 'a', '1'])
    expect(pattern.exec('a')?.groups).toEqual(['a', 'a', null])
    expect(pattern.replace('k=v', '$<value>:$<key>$$$3$<nope>', false)).toBe('v:k$$3')
  })
})

describe('both engines', () => {
  const atom = fc.constantFrom(
    'a',
    'b',
    '.',
    '\\d',
    '\\w',
    '\\s',
    '\\S',
    '[a-c]',
    '[^b]',
    '[\\d-]',
    '\\.',
    ' ',
    '\\n',
    '\\x41',
    '\\u00e9',
    'é',
    '-',
    '[^]',
    '[]',
    '\\cJ',
    '\\0',
    '{',
    '[\\b]',
    '[a\\-z]',
    '[\\w-a]',
  )
  const repeat = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}', '*?', '+?', '??')
  const sequence = fc
    .array(
      fc.tuple(atom, repeat).map(([a, b]) => (a === '{' ? a : a + b)),
      { minLength: 1, maxLength: 4 },
    )
    .map((parts) => parts.join(''))
  // An optional group that has matched nothing is taken back in JavaScript, and kept by RE2.
  const neverEmpty = sequence.filter((part) => !new RegExp(`^(?:${part})$`).test(''))
  const source = fc
    .tuple(
      fc.constantFrom('', '^', '\\b'),
      fc.oneof(
        sequence,
        fc.tuple(sequence, sequence).map(([a, b]) => `(${a}|${b})`),
        fc.tuple(neverEmpty, sequence).map(([a, b]) => `(?:${a})?(${b})`),
        fc.tuple(sequence, sequence).map(([a, b]) => `(${a})${b}`),
      ),
      fc.constantFrom('', '$', '\\B'),
    )
    .map((parts) => parts.join(''))
  const text = fc.string({
    unit: fc.constantFrom(
      'a',
      'b',
      'c',
      'A',
      '1',
      ' ',
      '.',
      '-',
      '\n',
      '\r',
      'é',
      '\u2028',
      '\u00a0',
      '\t',
      '\0',
    ),
    maxLength: 12,
  })

  it('find what JavaScript finds', () => {
    fc.assert(
      fc.property(source, text, fc.constantFrom('', 'i', 'm', 's'), (pattern, subject, flags) => {
        // RE2 knows one line end only for ^ and $ with the flag m.
        if (flags === 'm') fc.pre(!/[\r\u2028]/.test(subject))
        const regex = new RegExp(pattern, flags)
        expectAsJavaScript(compilePattern(pattern, flags), regex, subject)
        expectAsJavaScript(linearPattern(parsePattern(pattern, flags), flags), regex, subject)
      }),
      { numRuns: 3_000 },
    )
  })
})
