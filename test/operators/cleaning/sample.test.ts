import { describe, expect, it } from 'vitest'
import { partitionOf } from '../../../src/core/partitioner.ts'
import { sample } from '../../../src/operators/cleaning/sample.ts'
import { runOperator } from '../../../src/simulation/run-operator.ts'

const users = Array.from({ length: 20_000 }, (_, index) => ({ user: `u${index}`, n: index % 7 }))
const kept = (config: unknown, input = users) =>
  runOperator(sample, config, input).emitted as typeof users

describe('sample', () => {
  it.each([
    ['1/10', 0.1],
    ['2.5%', 0.025],
    [0.5, 0.5],
  ])('keeps a share of %s, by place and by value', (rate, share) => {
    const spread = 4 * Math.sqrt(share * (1 - share) * users.length)
    for (const config of [rate, { rate, by: 'value.user' }])
      expect(Math.abs(kept(config).length - share * users.length)).toBeLessThan(spread)
  })

  it('keeps all records of one value, or none', () => {
    const twice = [...users, ...users]
    const found = kept({ rate: '1/4', by: 'value.user' }, twice)
    const counts = Map.groupBy(found, ({ user }) => user)
    expect([...counts.values()].every((same) => same.length === 2)).toBe(true)
  })

  it('keeps as much of every partition, though both go by the key', () => {
    const found = kept({ rate: '1/4', by: 'value.user' })
    const byPartition = Map.groupBy(found, ({ user }) => partitionOf(user, 4))
    for (const part of byPartition.values()) {
      expect(part.length).toBeGreaterThan(users.length / 4 / 4 - 160)
      expect(part.length).toBeLessThan(users.length / 4 / 4 + 160)
    }
  })

  it('counts what it drops as filtered', () => {
    const { dropped, emitted } = runOperator(sample, '1/2', users)
    expect(new Set(dropped)).toEqual(new Set(['filtered']))
    expect(dropped.length + emitted.length).toBe(users.length)
  })

  it.each(['0/10', '11/10', '1/0', '0%', '101%', 0, 1.5, 'all', '-1/2'])('refuses %j', (rate) => {
    expect(() => sample.config.parse(rate)).toThrow()
  })
})
