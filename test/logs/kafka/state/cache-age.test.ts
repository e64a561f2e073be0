import { describe, expect, it } from 'vitest'
import { CacheAge } from '../../../../src/logs/kafka/state/cache-age.ts'

const hourMs = 60 * 60_000

describe('the age of a cache', () => {
  const mark = { offset: 100n, freshMs: 10 * hourMs }

  it('matters while brokers may remove what the cache has not read', () => {
    const age = new CacheAge(new Map([['delete.retention.ms', String(10 * hourMs)]]))
    expect(age.allows(mark, 200n, 17 * hourMs)).toBe(true)
    expect(age.allows(mark, 200n, 19 * hourMs)).toBe(false)
  })

  it('is that of Kafka where the topic says nothing', () => {
    const age = new CacheAge(undefined)
    expect(age.allows(mark, 200n, 29 * hourMs)).toBe(true)
    expect(age.allows(mark, 200n, 30 * hourMs)).toBe(false)
  })

  it('does not matter when nothing was written since', () => {
    const age = new CacheAge(undefined)
    expect(age.allows(mark, 100n, 1e6 * hourMs)).toBe(true)
    expect(age.allows(mark, 101n, 1e6 * hourMs)).toBe(true)
    expect(age.allows(mark, 102n, 1e6 * hourMs)).toBe(false)
  })

  it('is not trusted when the clock has gone back', () => {
    expect(new CacheAge(undefined).allows(mark, 200n, 9 * hourMs)).toBe(false)
  })

  it('is too great for whatever the topic says that is no time', () => {
    const age = new CacheAge(new Map([['delete.retention.ms', 'soon']]))
    expect(age.allows(mark, 200n, mark.freshMs)).toBe(false)
  })

  it('says nothing about a cache that is ahead of its changelog', () => {
    expect(new CacheAge(undefined).allows(mark, 99n, mark.freshMs)).toBe(false)
  })
})
