import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dedupe } from '../../../src/operators/cleaning/dedupe.ts'
import { InputRecord, runOperator } from '../../../src/simulation/run-operator.ts'

const at = (id: string | null, eventTimeMs: number) =>
  new InputRecord({ value: { id, at: eventTimeMs }, eventTimeMs })
const config = { by: 'value.id', within: '10s' }
const times = (run: ReturnType<typeof runOperator>) =>
  run.emitted.map((value) => (value as { at: number }).at)

describe('dedupe', () => {
  it('counts the span from the first record that was kept, not from the last one seen', () => {
    const input = [0, 6_000, 9_999, 10_000, 19_999, 20_000].map((ms) => at('a', ms))
    const run = runOperator(dedupe, config, input)
    expect(times(run)).toEqual([0, 10_000, 20_000])
    expect(run.dropped).toEqual(['deduplicated', 'deduplicated', 'deduplicated'])
  })

  it('drops a duplicate that is older than the first one', () => {
    const run = runOperator(dedupe, config, [at('a', 15_000), at('a', 5_001), at('a', 5_000)], {
      watermark: 'held',
    })
    expect(times(run)).toEqual([15_000, 5_000])
  })

  it('takes records without an id for no duplicates', () => {
    const run = runOperator(dedupe, config, [
      at(null, 0),
      at(null, 0),
      new InputRecord({ value: {}, eventTimeMs: 0 }),
    ])
    expect(run.emitted).toHaveLength(3)
  })

  it('compares lists and objects by what is in them', () => {
    const input = [
      { id: { a: 1, b: [2] } },
      { id: { b: [2], a: 1 } },
      { id: { a: 1, b: [3] } },
      { id: ['x', 1] },
      { id: ['x', 1] },
    ]
    expect(runOperator(dedupe, { by: 'value.id' }, input).dispositions).toEqual([
      'emitted',
      'deduplicated',
      'emitted',
      'emitted',
      'deduplicated',
    ])
  })

  it('tells long ids apart', () => {
    const input = ['x', 'x', 'y'].map((last) => ({ id: 'a'.repeat(10_000) + last }))
    expect(runOperator(dedupe, { by: 'value.id' }, input).dropped).toEqual(['deduplicated'])
  })

  it('forgets what the watermark has passed, so that its state stays small', () => {
    const input = Array.from({ length: 100 }, (_, index) => at(`id-${index}`, index * 10_000))
    const run = runOperator(dedupe, config, input)
    expect(run.emitted).toHaveLength(100)
    expect(run.stateSize).toBeLessThanOrEqual(1)
  })

  it('remembers over the end of a bounded input', () => {
    expect(runOperator(dedupe, config, [at('a', 0)]).stateSize).toBe(1)
  })

  it('never keeps two of one id within the span while it remembers', () => {
    const events = fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.nat(60_000)), { maxLength: 60 })
    fc.assert(
      fc.property(events, (list) => {
        const sorted = list.toSorted((left, right) => left[1] - right[1])
        const input = sorted.map(([id, ms]) => at(id, ms))
        const run = runOperator(dedupe, config, input)
        const kept = run.emitted as { id: string; at: number }[]
        for (const [index, { id, at: ms }] of kept.entries()) {
          const before = kept.slice(0, index).filter((other) => other.id === id)
          expect(before.every((other) => ms - other.at >= 10_000)).toBe(true)
        }
        expect(runOperator(dedupe, config, input, { restarts: true }).emitted).toEqual(kept)
      }),
    )
  })

  it('refuses a span of nothing and unknown settings', () => {
    for (const bad of [
      { by: 'value.id', within: '0s' },
      { within: '1s' },
      { by: 'value.id', for: '1s' },
      'value.id',
    ]) {
      expect(() => runOperator(dedupe, bad, [])).toThrow()
    }
  })
})
