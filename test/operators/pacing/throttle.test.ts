import { describe, expect, it } from 'vitest'
import { throttle } from '../../../src/operators/pacing/throttle.ts'
import { InputRecord, runOperator } from '../../../src/simulation/run-operator.ts'

const at = (user: string | null, eventTimeMs: number) =>
  new InputRecord({ value: { user, at: eventTimeMs }, eventTimeMs })
const times = (values: readonly unknown[]) => values.map((value) => (value as { at: number }).at)

describe('throttle', () => {
  it('drops, or fails, what is above the rate of its key, by event time', () => {
    const input = [
      at('a', 0),
      at('a', 1),
      at('b', 2),
      at('a', 9_999),
      at('a', 10_000),
      at('a', 10_001),
    ]
    const config = { by: 'value.user', rate: '2/10s' }
    const dropping = runOperator(throttle, { ...config, over: 'drop' }, input)
    expect(times(dropping.emitted)).toEqual([0, 1, 2, 10_000, 10_001])
    expect(dropping.dropped).toEqual(['skipped'])
    const failing = runOperator(throttle, { ...config, over: 'dlq' }, input)
    expect(failing.emitted).toEqual(dropping.emitted)
    expect(failing.failed[0]).toMatchObject({ code: 'RECORD_THROTTLED' })
  })

  it('forgets a key once its span is over', () => {
    const input = Array.from({ length: 200 }, (_, index) => at(`u${index}`, index * 10_000))
    const run = runOperator(throttle, { by: 'value.user', rate: '2/10s', over: 'drop' }, input)
    expect(run.emitted).toHaveLength(200)
    expect(run.stateSize).toBeLessThanOrEqual(2)
  })

  it('remembers no more than two spans of a key while the watermark stands still', () => {
    const input = Array.from({ length: 5_000 }, (_, index) => at('a', index * 100))
    const config = { rate: '50/1s', over: 'drop' }
    const run = runOperator(throttle, config, input, { watermark: 'held' })
    expect(run.emitted).toHaveLength(5_000)
  })

  it('lets the others of a key wait for their turn, and those behind them', () => {
    // The clock goes with the records here: it stands at the time of the newest.
    const start = Date.UTC(2026, 0, 1)
    const input = [0, 1, 2, 3, 500, 1_000, 1_001].map((ms) => at('a', start + ms))
    const run = runOperator(throttle, { rate: '2/1s' }, input)
    expect(run.dispositions).toEqual([
      'emitted',
      'emitted',
      'absorbed',
      'absorbed',
      'absorbed',
      'absorbed',
      'absorbed',
    ])
    expect(times(run.emitted)).toEqual(input.map(({ eventTimeMs }) => eventTimeMs))
    expect(run.failed).toEqual([])
  })

  it('keeps keys apart, whatever is in them', () => {
    const input = ['a', 'a|1', '1|a', 'h0|a', null, ''].flatMap((user) => [
      at(user, 0),
      at(user, 0),
    ])
    const run = runOperator(throttle, { by: 'value.user', rate: '1/1s' }, input)
    expect(run.emitted).toHaveLength(input.length)
    // null and the empty text are counted together.
    expect(run.absorbed).toBe(7)
  })

  it.each(['5', '0/10s', '5/0s', '5/', 'x/10s', '10001/1s', '1.5/1s'])(
    'refuses the rate %s',
    (rate) => {
      expect(() => throttle.config.parse({ rate })).toThrow()
    },
  )
})
