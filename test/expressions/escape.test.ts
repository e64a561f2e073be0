import { describe, expect, it } from 'vitest'
import { RecordFailure } from '../../src/core/errors.ts'
import { decodeJson, type JsonObject } from '../../src/core/json.ts'
import { compileAggregation, compileExpression } from '../../src/expressions/compile.ts'
import { ExpressionError } from '../../src/expressions/expression-error.ts'
import { inertAttempts, refusedAttempts } from './escape-attempts.ts'
import { evaluateSource } from './evaluate-source.ts'

function hostileValue(): JsonObject {
  const value = decodeJson(
    '{"list":[1,2],"text":"abc","number":5,"name":"constructor","proto":"__proto__","evil":{"valueOf":1,"toString":"x","toJSON":1},"pollution":{"__proto__":{"polluted":1}},"__proto__":{"polluted":1}}',
  ) as JsonObject
  value['time'] = new Date(0)
  return value
}

/** Everything that data inherits, to see whether something was changed. */
function fingerprint(): unknown {
  return [Object, Array, Function, String, Number, Boolean, Date, RegExp, Promise].map(
    ({ prototype }) => Object.entries(Object.getOwnPropertyDescriptors(prototype)),
  )
}

describe('escape attempts', () => {
  it('are many', () => {
    expect(refusedAttempts.length + inertAttempts.length).toBeGreaterThan(200)
  })

  it.each(refusedAttempts)('are refused when compiled: %s', (source) => {
    expect(() => compileExpression(source)).toThrow(ExpressionError)
    expect(() => compileAggregation(`last(${source})`)).toThrow(ExpressionError)
  })

  it.each(inertAttempts)('find nothing: %s', (source) => {
    const before = fingerprint()
    const globals = Object.getOwnPropertyNames(globalThis)
    let result: unknown = null
    try {
      result = evaluateSource(source, hostileValue())
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(RecordFailure)
    }
    expect(result === null || Array.isArray(result)).toBe(true)
    expect(fingerprint()).toEqual(before)
    expect(Object.getOwnPropertyNames(globalThis)).toEqual(globals)
    expect(({} as Record<string, unknown>)['polluted']).toBe(undefined)
  })

  it('cannot make an object that inherits from data', () => {
    const copy = evaluateSource('({ ...value.pollution })', hostileValue())
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
    expect((copy as JsonObject)['polluted']).toBe(undefined)
  })

  it('never run a method that data brings along', () => {
    let called = false
    const trap = {
      valueOf: () => (called = true),
      toString: () => (called = true),
      toJSON: () => (called = true),
    }
    for (const source of [
      'value.t + 1',
      '`${value.t}`',
      'value.t > 1',
      'value.t == 1',
      'value[value.t]',
      'upper(value.t)',
      'join([value.t])',
      'value.t.toString',
      'sum([value.t])',
      'sort_by([value.t, value.t], x => x)',
    ]) {
      try {
        evaluateSource(source, { t: trap } as never)
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(RecordFailure)
      }
    }
    expect(called).toBe(false)
  })
})
