import { describe, expect, it } from 'vitest'
import { TokenBucket } from '../../src/core/token-bucket.ts'

describe('a token bucket', () => {
  it('is full at first, and fills at its rate', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 5 })
    expect(bucket.available(0)).toBe(5)
    bucket.take(5)
    expect(bucket.available(0)).toBe(0)
    expect(bucket.available(99_000)).toBe(0)
    expect(bucket.available(200_000)).toBe(2)
    expect(bucket.available(60_000_000)).toBe(5)
  })

  it('pays later for what was taken too much', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 5 })
    expect(bucket.available(0)).toBe(5)
    bucket.take(15)
    expect(bucket.available(500_000)).toBe(0)
    expect(bucket.available(1_200_000)).toBe(2)
  })

  it('neither gains nor loses by a clock that goes back', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 5 })
    bucket.available(1_000_000)
    bucket.take(5)
    expect(bucket.available(0)).toBe(0)
    expect(bucket.available(1_100_000)).toBe(1)
  })

  it('of an unlimited rate never ends, and of none never begins', () => {
    const all = new TokenBucket({ perSecond: Infinity, burst: Infinity })
    all.take(1e9)
    expect(all.available(0)).toBe(Infinity)
    expect(all.available(1)).toBe(Infinity)
    expect(new TokenBucket({ perSecond: 0, burst: 0 }).available(1e12)).toBe(0)
  })
})
