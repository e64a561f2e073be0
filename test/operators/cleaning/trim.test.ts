import { describe, expect, it } from 'vitest'
import { decodeJson } from '../../../src/core/json.ts'
import { trim } from '../../../src/operators/cleaning/trim.ts'
import { runOperator } from '../../../src/simulation/run-operator.ts'

describe('trim', () => {
  it('removes all kinds of white space, at the ends only', () => {
    const { emitted } = runOperator(trim, ['a'], [{ a: '\u00a0\t b c \r\n' }])
    expect(emitted).toEqual([{ a: 'b c' }])
  })

  it('leaves alone what is missing, null or no text', () => {
    const input = [{}, { a: null }, { a: 7 }, { a: [' x '] }, { a: { b: ' x ' } }]
    expect(runOperator(trim, ['a', 'a.b.c'], input).emitted).toEqual(input)
  })

  it('does not take a method that every object has for a field', () => {
    const { emitted } = runOperator(trim, ['toString', 'valueOf'], [{ a: 1 }, { toString: ' x ' }])
    expect(emitted[0]).toEqual({ a: 1 })
    expect(Object.entries(emitted[1] as object)).toEqual([['toString', 'x']])
  })

  it('fails a record whose value is no object', () => {
    const input = [null, 'text', [1], decodeJson('12345678901234567890'), true]
    const { failed } = runOperator(trim, ['a'], input)
    expect(failed.map(({ code, message }) => [code, message.split('; ')[1]])).toEqual([
      ['RECORD_TYPE', 'the value is null'],
      ['RECORD_TYPE', 'the value is a string'],
      ['RECORD_TYPE', 'the value is a list'],
      ['RECORD_TYPE', 'the value is a number'],
      ['RECORD_TYPE', 'the value is a boolean'],
    ])
  })

  it('refuses a setting without fields, and names that reach into every object', () => {
    for (const config of [[], ['__proto__'], ['a.constructor'], ['a..b'], 'a', [' a']]) {
      expect(() => runOperator(trim, config, [])).toThrow()
    }
  })

  it('takes names with spaces, as columns of files have them', () => {
    expect(runOperator(trim, ['Cost Total $'], [{ 'Cost Total $': ' 7 ' }]).emitted).toEqual([
      { 'Cost Total $': '7' },
    ])
  })
})
