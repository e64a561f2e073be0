import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { unlessAborted } from '../../src/core/unless-aborted.ts'

describe('unlessAborted', () => {
  it('is what the promise becomes, and leaves no listener behind', async () => {
    const { signal } = new AbortController()
    expect(await unlessAborted(Promise.resolve(7), signal)).toBe(7)
    await expect(unlessAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no')
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('is null as soon as the signal aborts, and ignores what comes after', async () => {
    const stop = new AbortController()
    const { promise, reject } = Promise.withResolvers<number>()
    const waiting = unlessAborted(promise, stop.signal)
    stop.abort()
    expect(await waiting).toBeNull()
    reject(new Error('too late'))
    expect(await unlessAborted(new Promise(() => {}), stop.signal)).toBeNull()
  })
})
