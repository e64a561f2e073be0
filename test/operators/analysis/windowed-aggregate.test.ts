import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../../src/core/json.ts'
import { aggregate } from '../../../src/operators/analysis/aggregate.ts'
import { InputRecord, runOperator, type RunOptions } from '../../../src/simulation/run-operator.ts'

const noon = Date.UTC(2026, 0, 1, 12)

function run(config: unknown, input: readonly (JsonValue | InputRecord)[], options?: RunOptions) {
  return runOperator(aggregate, config, input, options)
}

describe('windows of aggregate', () => {
  const perMinute = {
    window: { tumbling: '1m', grace: '30s' },
    by: 'value.g',
    fields: { n: 'count()' },
  }
  const at = (offsetMs: number, g = 'a') => ({ g, ts: noon + offsetMs })

  it('have their last millisecond as event time', () => {
    const { records } = run(perMinute, [at(0)])
    expect(records).toEqual([
      {
        key: 'a',
        eventTimeMs: noon + 59_999,
        value: {
          window_start: '2026-01-01T12:00:00.000Z',
          window_end: '2026-01-01T12:01:00.000Z',
          g: 'a',
          n: 1,
        },
      },
    ])
  })

  it('take a record until the very end of the grace, and not later', () => {
    const last = run(perMinute, [at(0), at(89_999, 'b'), at(1)])
    expect(last.late).toEqual([])
    expect(last.emitted).toContainEqual(expect.objectContaining({ g: 'a', n: 2 }))
    const late = run(perMinute, [at(0), at(90_000, 'b'), at(1)])
    expect(late.late).toEqual([[['a'], []]])
    expect(late.dispositions).toEqual(['absorbed', 'absorbed', 'late'])
    expect(late.emitted).toContainEqual(expect.objectContaining({ g: 'a', n: 1 }))
  })

  it('lose nothing while a bounded source holds the watermark back', () => {
    const input = [at(3_600_000), at(0), at(7_200_000), at(1)]
    const { late, emitted } = run(perMinute, input, { watermark: 'held' })
    expect(late).toEqual([])
    expect(emitted.map((value) => (value as JsonObject)['n'])).toEqual([2, 1, 1])
  })

  it('stay open at the end with at_end: keep', () => {
    const { emitted, absorbed } = run({ ...perMinute, at_end: 'keep' }, [at(0), at(1)])
    expect(emitted).toEqual([])
    expect(absorbed).toBe(2)
  })

  it('come out in the order of their ends, then of their groups', () => {
    const input = [at(60_000, 'a'), at(0, 'b'), at(0, 'a'), at(60_000, 'B'), at(-60_000, 'c')]
    const { records } = run(perMinute, input, { watermark: 'held' })
    expect(records.map(({ key, eventTimeMs }) => [key, eventTimeMs - noon])).toEqual([
      ['c', -1],
      ['a', 59_999],
      ['b', 59_999],
      ['B', 119_999],
      ['a', 119_999],
    ])
  })

  it('before 1970 are as any other', () => {
    const { emitted } = run({ window: { tumbling: '1d' }, fields: { n: 'count()' } }, [
      { ts: '1969-12-31T23:59:59.999Z' },
      { ts: '1969-12-31T00:00:00Z' },
      { ts: '1970-01-01T00:00:00Z' },
    ])
    expect(emitted).toEqual([
      { window_start: '1969-12-31T00:00:00.000Z', window_end: '1970-01-01T00:00:00.000Z', n: 2 },
      { window_start: '1970-01-01T00:00:00.000Z', window_end: '1970-01-02T00:00:00.000Z', n: 1 },
    ])
  })

  it('fail a record whose window has no bounds in ISO 8601', () => {
    for (const eventTimeMs of [8.64e15, -8.64e15]) {
      const { failed } = run(perMinute, [new InputRecord({ value: { g: 'a' }, eventTimeMs })])
      expect(failed[0]).toMatchObject({ code: 'RECORD_EVENT_TIME' })
    }
  })
})
