import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../../src/core/json.ts'
import { aggregate } from '../../../src/operators/analysis/aggregate.ts'
import {
  type InputRecord,
  runOperator,
  type RunOptions,
} from '../../../src/simulation/run-operator.ts'

const noon = Date.UTC(2026, 0, 1, 12)

function run(config: unknown, input: readonly (JsonValue | InputRecord)[], options?: RunOptions) {
  return runOperator(aggregate, config, input, options)
}

/** The single result of one group over bare values. */
function resultOf(call: string, values: readonly JsonValue[]): JsonValue {
  const { emitted, failed } = run(
    { fields: { r: call } },
    values.map((x) => ({ x })),
  )
  expect(failed).toEqual([])
  return (emitted[0] as JsonObject)['r']!
}

/** A number that a double cannot hold. */
function rawNumber(text: string): JsonValue {
  return (JSON as unknown as { rawJSON(text: string): JsonValue }).rawJSON(text)
}

describe('the functions of aggregate', () => {
  it('follow SQL where there are only nulls', () => {
    const fields = {
      records: 'count()',
      true_count: 'count(value.x)',
      sum: 'sum(value.x)',
      avg: 'avg(value.x)',
      min: 'min(value.x)',
      max: 'max(value.x)',
      distinct: 'distinct(value.x)',
      p95: 'percentile(value.x, 95)',
      first: 'first(value.x)',
      last: 'last(value.x)',
      top: 'top_k(value.x, 3)',
    }
    expect(run({ fields }, [{}, { x: null }]).emitted).toEqual([
      {
        records: 2,
        true_count: 0,
        sum: null,
        avg: null,
        min: null,
        max: null,
        distinct: 0,
        p95: null,
        first: null,
        last: null,
        top: [],
      },
    ])
  })

  it('ignore nulls among values', () => {
    expect(resultOf('avg(value.x)', [1, null, 2])).toBe(1.5)
    expect(resultOf('count(value.x > 1)', [1, null, 2])).toBe(1)
    expect(resultOf('min(value.x)', [null, 3, null])).toBe(3)
    expect(resultOf('first(value.x)', [null, 'a', 'b'])).toBe('a')
  })

  it('compare numbers, texts and times; numbers come before texts', () => {
    expect(resultOf('max(value.x)', [1, 10, 9])).toBe(10)
    expect(resultOf('min(value.x)', ['b', 'B', 'a'])).toBe('B')
    for (const values of [
      ['a', 5, 'b', 3],
      [3, 'b', 5, 'a'],
    ]) {
      expect(resultOf('min(value.x)', values)).toBe(3)
      expect(resultOf('max(value.x)', values)).toBe('b')
    }
  })

  it('sum integers beyond 2^53 with all digits', () => {
    const run9 = run({ fields: { s: 'sum(value.x)' } }, [{ x: 9007199254740991 }, { x: 2 }])
    expect(JSON.stringify(run9.emitted)).toBe('[{"s":9007199254740993}]')
  })

  it('take first and last by event time, ties by arrival', () => {
    const input = [
      { x: 'b', ts: noon + 1 },
      { x: 'd', ts: noon + 2 },
      { x: 'a', ts: noon },
      { x: 'c', ts: noon },
      { x: 'e', ts: noon + 2 },
    ]
    const { emitted } = run({ fields: { f: 'first(value.x)', l: 'last(value.x)' } }, input)
    expect(emitted).toEqual([{ f: 'a', l: 'e' }])
  })

  it('hand on what they have kept, however exact or deep', () => {
    const values = [rawNumber('12345678901234567891'), { list: [1, { a: null }] }]
    for (const x of values) {
      const { emitted } = run({ fields: { l: 'last(value.x)' } }, [{ x }], { restarts: true })
      expect(JSON.stringify(emitted)).toBe(JSON.stringify([{ l: x }]))
    }
  })

  it('leave the state untouched when a record fails', () => {
    const config = { fields: { n: 'count()', s: 'sum(value.x)' } }
    const { emitted, dispositions } = run(config, [{ x: 1 }, { x: 'bad' }, { x: 2 }])
    expect(emitted).toEqual([{ n: 2, s: 3 }])
    expect(dispositions).toEqual(['absorbed', 'dead_lettered', 'absorbed'])
  })

  it('give null for a division by zero, and a dead letter for a field that cannot be calculated', () => {
    expect(
      run({ fields: { r: 'count(value.x) / count(value.x)' } }, [{ x: false }]).emitted,
    ).toEqual([{ r: null }])
    const { records } = run(
      { by: 'value.g', fields: { n: 'count()', r: 'upper(last(value.x))' } },
      [
        { g: 'a', x: [1] },
        { g: 'b', x: 'ok' },
      ],
    )
    expect(records[0]).toMatchObject({ key: 'a', value: { g: 'a', n: 1, r: null } })
    expect(records[0]!.failure).toMatchObject({ code: 'RECORD_EXPRESSION' })
    expect(records[0]!.failure!.message).toContain('the field r')
    expect(records[1]).toEqual({
      key: 'b',
      value: { g: 'b', n: 1, r: 'OK' },
      eventTimeMs: expect.any(Number),
    })
  })
})
