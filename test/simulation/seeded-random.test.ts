import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'

function draw(seed: number, count = 10_000): number[] {
  const random = new SeededRandom(seed)
  return Array.from({ length: count }, () => random.next())
}

describe('seeded random', () => {
  it('gives the same numbers for the same seed, and others for another', () => {
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
  })

  it('keeps its first numbers over releases, so that a printed seed stays good', () => {
    expect(draw(1, 3)).toEqual([0.6270739405881613, 0.002735721180215478, 0.5274470399599522])
  })

  it.each([0, -1, 2 ** 31, 2 ** 32 + 5, 0.5])('is uniform in [0, 1) for the seed %d', (seed) => {
    const buckets = Array.from({ length: 10 }, () => 0)
    for (const number of draw(seed)) {
      expect(number).toBeGreaterThanOrEqual(0)
      buckets[Math.floor(number * 10)]! += 1
    }
    for (const count of buckets) expect(Math.abs(count - 1_000)).toBeLessThan(200)
  })
})
