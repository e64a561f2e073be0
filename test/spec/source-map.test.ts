import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { LineIndex } from '../../src/spec/source-map.ts'
import { load, stepWith } from './load-file.ts'

/** The place of a part of the expression of the first step's `filter`. */
function placeOf(lines: readonly string[], part: string, environment: Record<string, string> = {}) {
  const { source, spec } = load(stepWith(...lines), { environment })
  const step = spec.stages[0]!.steps[0]!
  const expression = (step.config as { source: string }).source
  const { line, column } = source.locateIn(step.path, expression.indexOf(part))
  return `${line}:${column}`
}

describe('the place of a character inside a text', () => {
  it.each([
    ['a plain text', ['filter: value.a > @@'], '6:27'],
    ['a text in double quotes', ['filter: "value.a > @@"'], '6:28'],
    ['a text in single quotes, some of them doubled', ["filter: 'value.a == ''x'' || @@'"], '6:38'],
    ['a text with escapes', [String.raw`filter: "value.a == \"x\" || '\x41\u0042' || @@"`], '6:54'],
    ['a block of lines', ['filter: |', '  value.a &&', '  value.b &&', '  @@'], '9:11'],
    ['a folded block', ['filter: >', '  value.a &&', '  @@'], '8:11'],
    ['a folded plain text', ['filter: value.a &&', '  @@'], '7:11'],
    ['a folded text in quotes', ['filter: "value.a &&', '  value.b && @@"'], '7:22'],
  ])('is found in %s', (_, lines, place) => {
    expect(placeOf(lines, '@@')).toBe(place)
  })

  it('is found behind variables that were filled in', () => {
    const lines = ['filter: ${A} + ${LONG_NAME:-x} + @@']
    expect(placeOf(lines, '@@', { A: 'value.something.long' })).toBe('6:42')
  })

  it('is the variable for what a variable brought in', () => {
    expect(placeOf(['filter: value.a > ${LIMIT}'], '@@', { LIMIT: '1 + @@ + 2' })).toBe('6:27')
  })

  it('is inside the text whatever the text and its quoting', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[!-~]([ -~]{0,38}[!-~])?$/).filter((text) => !text.includes('$')),
        fc.constantFrom('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE', 'BLOCK_LITERAL'),
        fc.nat(),
        (text, type, at) => {
          const written = stringify(
            { filter: text },
            { lineWidth: 0, defaultStringType: type as 'PLAIN' },
          )
          const [first = '', ...rest] = written.trimEnd().split('\n')
          const file = stepWith(first, ...rest.map((line) => line))
          const { source, spec } = load(file)
          const { config, path } = spec.stages[0]!.steps[0]!
          const expression = (config as { source: string }).source
          const offset = at % expression.length
          const { line, column } = source.locateIn(path, offset)
          const found = file.split('\n')[line - 1]![column - 1]
          const isEscaped = found === '\\'
          expect(isEscaped || found === expression[offset]).toBe(true)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('the place of a setting', () => {
  const { source } = load(stepWith('set:', '  a: 1', '  b:', '    1'))

  it('is where its value begins', () => {
    expect(source.locate(['pipeline'])).toEqual({ line: 1, column: 11 })
    expect(source.locate(['stages', 0, 'steps', 0, 'set', 'b'])).toEqual({ line: 9, column: 13 })
  })

  it('is that of its nearest ancestor where it is not in the file', () => {
    expect(source.locate(['stages', 0, 'steps', 0, 'set', 'c', 'd', 3])).toEqual({
      line: 7,
      column: 11,
    })
    expect(source.locate(['nothing'])).toEqual({ line: 1, column: 1 })
    expect(source.locate([])).toEqual({ line: 1, column: 1 })
  })

  it('is where its name begins, when the name is asked for', () => {
    expect(source.locateKey(['stages', 0, 'steps', 0, 'set', 'b'])).toEqual({ line: 8, column: 11 })
  })

  it('is that of the value for an offset in what is no text', () => {
    expect(source.locateIn(['stages', 0], 5)).toEqual(source.locate(['stages', 0]))
  })
})

describe('a line index', () => {
  it('finds line and column of any offset', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', '\n', '\r\n', 'é', '😀')),
        fc.nat(),
        (parts, at) => {
          const text = parts.join('')
          const offset = Math.min(at, text.length)
          const before = text.slice(0, offset).split('\n')
          expect(new LineIndex(text).positionOf(offset)).toEqual({
            line: before.length,
            column: before.at(-1)!.length + 1,
          })
        },
      ),
    )
  })
})
