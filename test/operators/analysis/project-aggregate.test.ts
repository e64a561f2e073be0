import { describe, expect, it } from 'vitest'
import { RecordFailure } from '../../../src/core/errors.ts'
import { decodeJson, encodeJson, type JsonValue } from '../../../src/core/json.ts'
import { StepRecord } from '../../../src/core/step-record.ts'
import { aggregate } from '../../../src/operators/analysis/aggregate.ts'
import type { AggregateConfig } from '../../../src/operators/analysis/aggregate-config.ts'
import { bound } from '../../../src/simulation/run-operator.ts'

interface Projected {
  readonly value: JsonValue
  readonly key: string | null
}

function project(setting: unknown, value: JsonValue, eventTimeMs = 0): Projected {
  const record = new StepRecord()
  record.make({ key: null, value, eventTimeMs })
  let emitted = 0
  aggregate.project!(bound(aggregate, setting) as AggregateConfig).process(record, {
    emit: () => (emitted += 1),
    drop: () => expect.unreachable(),
  })
  expect(emitted).toBe(1)
  return { value: record.value, key: record.madeKey }
}

function failure(setting: unknown, value: JsonValue, eventTimeMs?: number): RecordFailure {
  try {
    project(setting, value, eventTimeMs)
  } catch (thrown) {
    if (thrown instanceof RecordFailure) return thrown
    throw thrown
  }
  return expect.unreachable('the record did not fail')
}

const of = (call: string) => ({ fields: { r: call } })
const fields = { n: 'count()' }

describe('the projection of aggregate', () => {
  it('holds the groups and the arguments of calls that have one, and nothing else', () => {
    const setting = {
      by: ['value.a', 'value.b'],
      fields: { n: 'count()', s: 'sum(value.x) / count(value.y)', l: 'last(value.z)' },
    }
    const value = { a: 1, b: 'B', x: 2, y: true, z: { k: [1] }, secret: 'not needed' }
    expect(project(setting, value)).toEqual({
      value: [
        [1, 'B'],
        [2, true, { k: [1] }],
      ],
      key: '[1,"B"]',
    })
  })

  it('brings together what belongs together', () => {
    const key = (by: unknown, value: JsonValue) => project({ by, fields }, value).key
    expect(key('value.g', { g: 'NL' })).toBe('NL')
    expect(key('value.g', { g: 5 })).toBe('5')
    expect(key('value.g', {})).toBe(key('value.g', { g: null }))
    expect(key('value.g', {})).not.toBe(null)
    expect(key(undefined, {})).toBe(key(undefined, { any: 1 }))
    expect(key(undefined, {})).not.toBe(null)
    expect(key('value.g', { g: { b: 1, a: 2 } })).toBe(key('value.g', { g: { a: 2, b: 1 } }))
  })

  it('is plain JSON, the same before and after a topic', () => {
    const setting = { by: 'value.at', fields: { m: 'max(value.at)', l: 'last(value.in)' } }
    const { value } = project(setting, { at: new Date(0), in: { at: new Date(1) } })
    expect(value).toEqual([
      ['1970-01-01T00:00:00.000Z'],
      ['1970-01-01T00:00:00.000Z', { at: '1970-01-01T00:00:00.001Z' }],
    ])
    expect(decodeJson(encodeJson(value))).toEqual(value)
  })

  it('shares nothing with the value that the record had', () => {
    const value = { in: { a: 1 } }
    const projected = project(of('last(value.in)'), value)
    value.in.a = 2
    expect(projected.value).toEqual([[], [{ a: 1 }]])
  })

  it('fails the record where an argument has a wrong type, naming the field', () => {
    for (const call of ['sum(value.x)', 'avg(value.x)', 'percentile(value.x, 50)']) {
      for (const x of ['12', true, [1], { a: 1 }, new Date(0)]) {
        const { code, message } = failure(of(call), { x })
        expect(code).toBe('RECORD_TYPE')
        expect(message).toContain(`aggregate: the field r (${call}) needs a number`)
      }
    }
    expect(failure(of('max(value.x)'), { x: true }).code).toBe('RECORD_TYPE')
    expect(failure(of('min(value.x)'), { x: [1] }).message).toContain('this is a list')
    expect(failure(of('count(value.x)'), { x: 5 }).message).toContain('needs a condition')
  })

  it('fails the record where a number is not exact or cannot be calculated with', () => {
    const x = decodeJson('12345678901234567891')
    for (const call of [
      'sum(value.x)',
      'avg(value.x)',
      'max(value.x)',
      'percentile(value.x, 50)',
    ]) {
      expect(failure(of(call), { x }).code).toBe('RECORD_NUMBER')
    }
    expect(failure(of('sum(value.x)'), { x: 1e300 }).code).toBe('RECORD_NUMBER')
    expect(failure(of('sum(value.x)'), { x: Number.NaN }).code).toBe('RECORD_NUMBER')
    expect(project(of('max(value.x)'), { x: 1e300 }).value).toEqual([[], [1e300]])
  })

  it('fails the record where times could not be compared as text', () => {
    expect(failure(of('max(value.x)'), { x: new Date(Date.UTC(10_000, 0)) }).code).toBe(
      'RECORD_TYPE',
    )
    expect(failure(of('min(value.x)'), { x: new Date(-1e14) }).code).toBe('RECORD_TYPE')
    expect(project(of('min(value.x)'), { x: new Date(Number.NaN) }).value).toEqual([[], [null]])
  })

  it('fails the record for values that nest too deep to travel on', () => {
    let deep: JsonValue = 1
    for (let level = 0; level < 990; level++) deep = [deep]
    expect(failure(of('last(value.x)'), { x: deep }).code).toBe('RECORD_ENCODE')
    expect(failure({ by: 'value.x', fields }, { x: deep }).code).toBe('RECORD_ENCODE')
  })

  it('fails the record in a window without an event time', () => {
    const setting = { window: { tumbling: '1m' }, fields }
    expect(failure(setting, {}, Number.NaN)).toMatchObject({
      code: 'RECORD_EVENT_TIME',
      message: 'aggregate: the record has no event time, which its window needs',
    })
  })
})
