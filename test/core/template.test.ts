import { describe, expect, it } from 'vitest'
import { decodeJson, type JsonValue } from '../../src/core/json.ts'
import { StepRecord } from '../../src/core/step-record.ts'
import { Template } from '../../src/core/template.ts'
import { compileExpression } from '../../src/expressions/compile.ts'

function rendered(source: string, value: JsonValue): string | null {
  const template = new Template(source)
  for (const expression of template.expressions)
    expression.bind(compileExpression(expression.source))
  const record = new StepRecord()
  record.value = value
  return template.render(record)
}

describe('a template', () => {
  it('is its text with the results of its expressions', () => {
    expect(rendered('a.${value.x}-${value.y}.b', { x: 'one', y: 2 })).toBe('a.one-2.b')
    expect(rendered('plain', {})).toBe('plain')
    expect(rendered('${value.x}', { x: true })).toBe('true')
    expect(rendered('${value.x}', decodeJson('{"x":12345678901234567890}'))).toBe(
      '12345678901234567890',
    )
  })

  it('ends an expression at its own brace, not at one of a text or an object in it', () => {
    expect(rendered("${value.x == '}' ? 'yes' : 'no'}!", { x: '}' })).toBe('yes!')
    expect(rendered("${{ a: value.x }.a}${'\\'}'}", { x: 1 })).toBe("1'}")
  })

  it.each([[null], [[1]], [{}]])('has no text where an expression gives %j', (x) => {
    expect(rendered('a${value.x}', { x })).toBe(null)
  })

  it.each(['${value.x', '${}', '${ }', "${'}"])('refuses %s', (source) => {
    expect(() => new Template(source)).toThrow(SyntaxError)
  })
})
