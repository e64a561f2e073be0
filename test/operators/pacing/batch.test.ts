import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batch } from '../../../src/operators/pacing/batch.ts'
import { InputRecord, runOperator } from '../../../src/simulation/run-operator.ts'

const start = Date.UTC(2026, 0, 1)
const at = (user: string, n: number, ms = 0) =>
  new InputRecord({ value: { user, n }, eventTimeMs: start + ms })

describe('batch', () => {
  it('closes when it has the records, the bytes or the time', () => {
    const sizes = (config: object, input: readonly InputRecord[]) =>
      runOperator(batch, config, input).emitted.map((list) => (list as unknown[]).length)
    const many = Array.from({ length: 7 }, (_, n) => at('a', n))
    expect(sizes({ records: 3 }, many)).toEqual([3, 3, 1])
    // 18 bytes each.
    expect(sizes({ bytes: '40B' }, many)).toEqual([2, 2, 2, 1])
    expect(sizes({ bytes: '5B' }, many)).toEqual([1, 1, 1, 1, 1, 1, 1])
    const slow = [0, 400, 999, 1_000, 1_500].map((ms, n) => at('a', n, ms))
    expect(sizes({ within: '1s' }, slow)).toEqual([3, 2])
  })

  it('brings records of one key together, under that key and with the latest time', () => {
    const input = [at('a', 1, 5), at('b', 2, 3), at('a', 3, 1)]
    const { records } = runOperator(batch, { by: 'value.user' }, input)
    expect(records.map(({ key, eventTimeMs }) => [key, eventTimeMs - start])).toEqual([
      ['a', 5],
      ['b', 3],
    ])
    const { records: all } = runOperator(batch, {}, input)
    expect(all.map(({ key }) => key)).toEqual([null])
  })

  it('has every record once, in the order of its key, also over restarts', () => {
    const input = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'a|1'), fc.nat(3_000)), {
      maxLength: 50,
    })
    fc.assert(
      fc.property(
        input,
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (list, records, restarts) => {
          const values = list.map(([user, ms], n) => at(user, n, ms))
          const config = { records, by: 'value.user', into: 'all.of', within: '500ms' }
          const run = runOperator(batch, config, values, { restarts })
          const lists = run.emitted.map(
            (value) => (value as { all: { of: { n: number; user: string }[] } }).all.of,
          )
          expect(lists.every((one) => one.length <= records && one.length > 0)).toBe(true)
          for (const user of ['a', 'b', 'a|1']) {
            const own = lists.flat().filter((value) => value.user === user)
            expect(own).toEqual(
              values
                .map(({ value }) => value)
                .filter((value) => (value as { user: string }).user === user),
            )
          }
          expect(run.stateSize).toBe(0)
        },
      ),
    )
  })

  it.each([{ records: 0 }, { records: 10_001 }, { into: '__proto__' }, { within: 1 }])(
    'refuses %j',
    (config) => {
      expect(() => batch.config.parse(config)).toThrow()
    },
  )
})
