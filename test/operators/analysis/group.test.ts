import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../../src/core/json.ts'
import { aggregate } from '../../../src/operators/analysis/aggregate.ts'
import { InputRecord, runOperator, type RunOptions } from '../../../src/simulation/run-operator.ts'

const noon = Date.UTC(2026, 0, 1, 12)

function run(config: unknown, input: readonly (JsonValue | InputRecord)[], options?: RunOptions) {
  return runOperator(aggregate, config, input, options)
}

/** A number that a double cannot hold. */
function rawNumber(text: string): JsonValue {
  return (JSON as unknown as { rawJSON(text: string): JsonValue }).rawJSON(text)
}

describe('groups of aggregate', () => {
  const fields = { n: 'count()' }

  it('have the by value as key, as text', () => {
    const keys = (by: unknown, values: JsonValue[]) =>
      run({ by, fields }, values).records.map(({ key }) => key)
    expect(keys('value.g', [{ g: 'NL' }, { g: 5 }, { g: 1.5 }, { g: true }])).toEqual([
      '1.5',
      '5',
      'true',
      'NL',
    ])
    expect(keys('value.g', [{ g: { b: 1, a: [2] } }])).toEqual(['{"a":[2],"b":1}'])
    expect(keys(['value.g', 'value.h'], [{ g: 'NL', h: 1 }])).toEqual(['["NL",1]'])
    expect(keys(['value.g'], [{ g: 'NL' }])).toEqual(['["NL"]'])
    expect(keys({ z: 'value.g', a: 'value.h' }, [{ g: 'NL', h: null }])).toEqual([
      '{"a":null,"z":"NL"}',
    ])
    expect(keys(undefined, [{}])).toEqual([null])
  })

  it('tell null, numbers and texts apart that look the same', () => {
    const values = [null, 'null', 1, '1', true, 'true', '', '\u0001null', '\u0001[null]', [null]]
    const { emitted, records } = run(
      { by: 'value.g', fields },
      [...values, ...values].map((g) => ({ g })),
    )
    expect(emitted).toHaveLength(values.length)
    for (const g of values) expect(emitted).toContainEqual({ g, n: 2 })
    const ofNull = records.find(({ value }) => (value as JsonObject)['g'] === null)
    expect(ofNull!.key).toBe(null)
  })

  it('that are missing are the group null', () => {
    expect(run({ by: 'value.a.b', fields }, [{}, { a: null }, { a: { b: null } }]).emitted).toEqual(
      [{ b: null, n: 3 }],
    )
  })

  it('keep exact numbers as they are', () => {
    const big = rawNumber('12345678901234567891')
    const other = rawNumber('12345678901234567892')
    const { emitted, records } = run(
      { by: 'value.id', fields },
      [{ id: big }, { id: other }, { id: big }],
      {
        restarts: true,
      },
    )
    expect(JSON.stringify(emitted)).toBe(
      '[{"id":12345678901234567891,"n":2},{"id":12345678901234567892,"n":1}]',
    )
    expect(records[0]!.key).toBe('12345678901234567891')
  })

  it('do not depend on lone surrogates or hostile names', () => {
    const { emitted } = run(
      { by: 'value.g', fields },
      ['\ud800', '\ufffd', '__proto__', 'constructor'].map((g) => ({ g })),
    )
    expect(emitted).toHaveLength(4)
  })

  it('by key need a key', () => {
    const input = [
      new InputRecord({ key: 'u1', value: 1 }),
      new InputRecord({ key: null, value: 1 }),
    ]
    const { emitted, failed } = run({ by: 'key', fields }, input)
    expect(emitted).toEqual([{ key: 'u1', n: 1 }])
    expect(failed[0]).toMatchObject({ code: 'RECORD_TYPE' })
    expect(failed[0]!.message).toContain('the record has no key')
  })

  it("have the greatest event time that was seen for them as their total's", () => {
    const input = [{ ts: noon + 5 }, { ts: noon + 9 }, { ts: noon }]
    expect(run({ fields }, input).records[0]!.eventTimeMs).toBe(noon + 9)
  })
})
