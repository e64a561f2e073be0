import { describe, expect, it } from 'vitest'
import { delay } from '../../../src/operators/pacing/delay.ts'
import { InputRecord, runOperator } from '../../../src/simulation/run-operator.ts'

const start = Date.UTC(2026, 0, 1)
const at = (ms: number, n = ms) =>
  new InputRecord({ value: { n }, key: `k${n}`, eventTimeMs: start + ms })

describe('delay', () => {
  it('holds each record, with its key and time, and loses none', () => {
    const run = runOperator(delay, '1s', [at(0), at(999), at(1_000), at(5_000)])
    expect(run.absorbed).toBe(4)
    expect(run.records.map(({ key, eventTimeMs }) => [key, eventTimeMs - start])).toEqual([
      ['k0', 0],
      ['k999', 999],
      ['k1000', 1_000],
      ['k5000', 5_000],
    ])
    expect(run.stateSize).toBe(0)
  })

  it('keeps the order of records of one instant, also over a restart', () => {
    const input = Array.from({ length: 30 }, (_, n) => at(0, n))
    const { emitted } = runOperator(delay, '1s', input, { restarts: true })
    expect(emitted).toEqual(input.map(({ value }) => value))
  })

  it.each(['0s', 5, { for: '1s', more: 1 }])('refuses %j', (config) => {
    expect(() => delay.config.parse(config)).toThrow()
  })
})
