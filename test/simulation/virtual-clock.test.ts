import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'

describe('virtual clock', () => {
  it('starts at the time of pipeline tests and moves only when it is told to', async () => {
    const clock = new VirtualClock()
    expect(new Date(clock.wallMs()).toISOString()).toBe('2026-01-01T00:00:00.000Z')
    await clock.advance(1.5)
    expect(clock.monotonicUs()).toBe(Date.UTC(2026, 0, 1) * 1_000 + 1_500)
    expect(clock.wallMs()).toBe(Date.UTC(2026, 0, 1) + 1)
  })

  it('wakes sleepers in the order of their times, each at its own time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 1_000 }), { maxLength: 20 }),
        async (durations) => {
          const clock = new VirtualClock(0)
          const woken: number[] = []
          for (const durationMs of durations) {
            void clock.sleep(durationMs).then(() => {
              expect(clock.wallMs()).toBe(durationMs)
              woken.push(durationMs)
            })
          }
          await clock.advance(1_000)
          expect(woken).toEqual(durations.toSorted((a, b) => a - b))
          expect(clock.pending).toBe(0)
        },
      ),
      { numRuns: 30 },
    )
  })

  it('lets woken code run, and sleep again within the span', async () => {
    const clock = new VirtualClock(0)
    const ticks: number[] = []
    const stop = new AbortController()
    void (async () => {
      while (!stop.signal.aborted) {
        await clock.sleep(10, stop.signal)
        ticks.push(clock.wallMs())
      }
    })()
    await clock.advance(35)
    expect(ticks).toEqual([10, 20, 30])
    expect(clock.pending).toBe(1)
    stop.abort()
    await clock.advance(0)
    expect(clock.pending).toBe(0)
  })

  it('forgets a sleeper whose signal aborts, and leaves no listener on the signal', async () => {
    const clock = new VirtualClock(0)
    const stop = new AbortController()
    const asleep = clock.sleep(Number.POSITIVE_INFINITY, stop.signal)
    void clock.sleep(5, stop.signal)
    expect(clock.pending).toBe(2)
    await clock.advance(5)
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1)
    stop.abort()
    await asleep
    expect(clock.pending).toBe(0)
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
  })

  it('needs no time to pass for a sleep of nothing, or one that was aborted before', async () => {
    const clock = new VirtualClock(0)
    await clock.sleep(0)
    await clock.sleep(-1)
    await clock.sleep(100, AbortSignal.abort())
    expect(clock.wallMs()).toBe(0)
  })
})
