import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RetryDelay } from '../../../src/logs/kafka/retry-delay.ts'

describe('a retry delay', () => {
  it('grows up to its limit, with jitter, and starts anew after a success', () => {
    const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(fc.array(share, { minLength: 12, maxLength: 12 }), (shares) => {
        const random = { next: () => shares.pop() ?? 0 }
        const delay = new RetryDelay({ firstMs: 10, maxMs: 300 }, random)
        for (const dueMs of [10, 20, 40, 80, 160, 300, 300]) {
          const waitMs = delay.next()
          expect(waitMs).toBeGreaterThanOrEqual(dueMs / 2)
          expect(waitMs).toBeLessThanOrEqual(dueMs)
        }
        delay.succeeded()
        expect(delay.next()).toBeLessThanOrEqual(10)
      }),
    )
  })
})
