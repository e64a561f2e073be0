import { expect, it } from 'vitest'
import { createSystemRandom } from '../../src/clock/system-random.ts'

it('the random numbers of the system lie in [0, 1) and differ', () => {
  const random = createSystemRandom()
  const numbers = Array.from({ length: 1_000 }, () => random.next())
  expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true)
  expect(new Set(numbers).size).toBeGreaterThan(990)
})
