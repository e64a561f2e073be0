import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TraceSampler } from '../../src/runtime/trace-sampler.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'

const sampler = (perSecond: number, ratio: number | null = null) =>
  new TraceSampler({ perSecond, ratio, random: new SeededRandom(1) })
const slice = (records: number) => [{ from: 0, to: records }]

describe('the sampler of traces', () => {
  it('takes all records while there are fewer than its rate', () => {
    expect(sampler(5).pick(slice(3), 100, 0).picks).toEqual([0, 1, 2])
  })

  it('takes its rate a second, however many records come', () => {
    const five = sampler(5)
    let picked = 0
    for (let ms = 0; ms < 10_000; ms += 20)
      picked += five.pick(slice(2_048), 100, ms * 1_000).picks.length
    expect(picked).toBeGreaterThanOrEqual(53)
    expect(picked).toBeLessThanOrEqual(55)
  })

  it('takes a trace now and then at a rate below one a second', () => {
    const slow = sampler(0.5)
    const seconds = Array.from({ length: 10 }, (_, at) => at)
    expect(seconds.flatMap((at) => slow.pick(slice(10), 100, at * 1_000_000).picks).length).toBe(5)
  })

  it('takes none at a rate of none, and all that the budget allows at one of all', () => {
    expect(sampler(0).pick(slice(10), 100, 0).picks).toEqual([])
    expect(sampler(Infinity).pick(slice(10), 100, 0).picks).toHaveLength(10)
    expect(sampler(Infinity).pick(slice(1_000), 41, 0).picks.length).toBeLessThanOrEqual(41)
    expect(sampler(Infinity).pick(slice(1_000), 0, 0)).toEqual({ picks: [], missed: 1_000 })
  })

  it('takes a share of the records where the standard variables name one', () => {
    const tenth = sampler(5, 0.1)
    let picked = 0
    for (let at = 0; at < 1_000; at++) picked += tenth.pick(slice(7), 100, at).picks.length
    expect(picked).toBeGreaterThan(600)
    expect(picked).toBeLessThan(800)
    expect(sampler(0, 1).pick(slice(10), 100, 0).picks).toHaveLength(10)
    expect(sampler(5, 0).pick(slice(10), 100, 0).picks).toHaveLength(0)
  })

  it('picks from the ranges only, in order, no place twice, and from all of a slice in turn', () => {
    const range = fc.tuple(fc.nat(50), fc.nat(50))
    fc.assert(
      fc.property(fc.array(range, { maxLength: 4 }), fc.nat(30), (gaps, budget) => {
        let at = 0
        const ranges = gaps.map(([gap, length]) => {
          const from = at + gap
          at = from + length
          return { from, to: at }
        })
        const { picks } = sampler(20).pick(ranges, budget, 0)
        expect(picks.length).toBeLessThanOrEqual(Math.min(20, budget))
        expect(picks).toEqual([...new Set(picks)].toSorted((a, b) => a - b))
        for (const pick of picks)
          expect(ranges.some(({ from, to }) => from <= pick && pick < to)).toBe(true)
      }),
    )
    const seen = new Set<number>()
    const one = sampler(1)
    for (let second = 0; second < 500; second++)
      for (const place of one.pick(slice(10), 100, second * 1_000_000).picks) seen.add(place)
    expect(seen.size).toBe(10)
  })
})
