import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createSystemClock, instantOf } from '../../src/clock/system-clock.ts'

const clock = createSystemClock()

describe('system clock', () => {
  it('never goes back', () => {
    let last = clock.monotonicUs()
    for (let reading = 0; reading < 10_000; reading++) {
      const next = clock.monotonicUs()
      expect(next).toBeGreaterThanOrEqual(last)
      last = next
    }
  })

  it('reads epoch time in both clocks', () => {
    expect(Math.abs(clock.monotonicUs() / 1_000 - clock.wallMs())).toBeLessThan(60_000)
  })

  it('shows the time of another clock, whatever the wall clock said when it began', () => {
    const { ns, epochUs } = instantOf(clock)
    const hourUs = 3_600_000_000
    const ahead = createSystemClock({ ns, epochUs: epochUs + hourUs })
    const differenceUs = ahead.monotonicUs() - clock.monotonicUs() - hourUs
    expect(Math.abs(differenceUs)).toBeLessThan(1_000)
  })

  it('sleeps no shorter than it was asked to', async () => {
    const startUs = clock.monotonicUs()
    await clock.sleep(3)
    expect(clock.monotonicUs() - startUs).toBeGreaterThanOrEqual(3_000)
  })

  it('wakes at once when the signal aborts, without rejecting, and leaves no listener', async () => {
    const stop = new AbortController()
    const asleep = clock.sleep(3_600_000, stop.signal)
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1)
    stop.abort(new Error('stopped'))
    await asleep
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
  })

  it('leaves no listener when the time has passed', async () => {
    const { signal } = new AbortController()
    await clock.sleep(1, signal)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('does not sleep when the signal has aborted before', async () => {
    await expect(
      clock.sleep(Number.POSITIVE_INFINITY, AbortSignal.abort()),
    ).resolves.toBeUndefined()
  })

  it('waits for the signal when it is to sleep for ever', async () => {
    const stop = new AbortController()
    const asleep = clock.sleep(Number.POSITIVE_INFINITY, stop.signal)
    setImmediate(() => stop.abort())
    await expect(asleep).resolves.toBeUndefined()
  })

  it('does not wake at once from a sleep longer than a timer can be', async () => {
    const stop = new AbortController()
    const long = clock.sleep(2 ** 31 + 1_000, stop.signal).then(() => 'long')
    expect(await Promise.race([long, clock.sleep(2).then(() => 'short')])).toBe('short')
    stop.abort()
    await long
  })

  it.each([0, -5, Number.NaN])('lets others work in a sleep of %d', async (durationMs) => {
    let worked = false
    setImmediate(() => {
      worked = true
    })
    while (!worked) await clock.sleep(durationMs)
    expect(worked).toBe(true)
  })
})
