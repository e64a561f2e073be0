import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ExpectedWriter, WatermarkTracker } from '../../src/runtime/watermark.ts'

function writer(id: string | null, more: Partial<ExpectedWriter> = {}): ExpectedWriter {
  return { id, holds: false, sendsMarkers: false, ...more }
}

describe('watermark', () => {
  it('is the lowest of the highest event times of all expected writers', () => {
    const tracker = new WatermarkTracker([[writer('a'), writer('b')]])
    const a = tracker.progressOf(0, 'a')
    const b = tracker.progressOf(0, 'b')
    expect(tracker.observe(a, 50)).toBe(false)
    expect(tracker.watermarkMs).toBe(Number.NEGATIVE_INFINITY)
    expect(tracker.observe(b, 20)).toBe(true)
    expect(tracker.watermarkMs).toBe(20)
    expect(tracker.observe(b, 10)).toBe(false)
    expect(tracker.observe(b, 70)).toBe(true)
    expect(tracker.watermarkMs).toBe(50)
  })

  it('is not held back by a writer that has ended or is idle', () => {
    const tracker = new WatermarkTracker([[writer('a'), writer('b')]])
    tracker.observe(tracker.progressOf(0, 'a'), 50)
    tracker.progressOf(0, 'b').isSilent = true
    expect(tracker.update()).toBe(true)
    expect(tracker.watermarkMs).toBe(50)
  })

  it('is, when all writers are silent, the highest that one came to, whichever fell silent last', () => {
    for (const order of [
      ['a', 'b'],
      ['b', 'a'],
    ]) {
      const tracker = new WatermarkTracker([
        [writer('a'), writer('b'), writer('c', { holds: true })],
      ])
      tracker.observe(tracker.progressOf(0, 'a'), 50)
      tracker.observe(tracker.progressOf(0, 'b'), 20)
      tracker.observe(tracker.progressOf(0, 'c'), 900)
      tracker.silence([tracker.progressOf(0, 'c')])
      for (const id of order) tracker.silence([tracker.progressOf(0, id)])
      expect(tracker.watermarkMs).toBe(50)
    }
  })

  it('is not known while no writer was ever heard, silent or not', () => {
    const tracker = new WatermarkTracker([[writer('a')]])
    expect(tracker.silence([tracker.progressOf(0, 'a')])).toBe(false)
    expect(tracker.watermarkMs).toBe(Number.NEGATIVE_INFINITY)
  })

  it('is held back again by a silent writer that writes again, but never falls', () => {
    const tracker = new WatermarkTracker([[writer('a'), writer('b')]])
    const a = tracker.progressOf(0, 'a')
    const b = tracker.progressOf(0, 'b')
    b.isSilent = true
    tracker.observe(a, 50)
    tracker.observe(b, 20)
    expect(b.isSilent).toBe(false)
    expect(tracker.watermarkMs).toBe(50)
    tracker.observe(a, 90)
    expect(tracker.watermarkMs).toBe(50)
    tracker.observe(b, 60)
    expect(tracker.watermarkMs).toBe(60)
  })

  it('is held back by a writer with bounded input, whatever its records say, until it ends', () => {
    const tracker = new WatermarkTracker([[writer('a', { holds: true })]])
    const a = tracker.progressOf(0, 'a')
    expect(tracker.observe(a, 50)).toBe(false)
    expect(tracker.watermarkMs).toBe(Number.NEGATIVE_INFINITY)
  })

  it('goes by the markers of a writer that sends them, even one with bounded input', () => {
    const tracker = new WatermarkTracker([[writer('a', { holds: true, sendsMarkers: true })]])
    expect(tracker.observe(tracker.progressOf(0, 'a'), 50)).toBe(true)
    expect(tracker.watermarkMs).toBe(50)
  })

  it('ignores records of a writer that nobody expects', () => {
    const tracker = new WatermarkTracker([[writer('a')]])
    expect(tracker.observe(tracker.progressOf(0, 'replay'), 1_000)).toBe(false)
    tracker.observe(tracker.progressOf(0, 'a'), 10)
    expect(tracker.watermarkMs).toBe(10)
  })

  it('takes all records of an external topic as those of one writer, the partition', () => {
    const tracker = new WatermarkTracker([[writer(null)], [writer(null)]])
    tracker.observe(tracker.progressOf(0, ''), 10)
    tracker.observe(tracker.progressOf(0, 'someone'), 30)
    expect(tracker.watermarkMs).toBe(Number.NEGATIVE_INFINITY)
    tracker.observe(tracker.progressOf(1, ''), 20)
    expect(tracker.watermarkMs).toBe(20)
  })

  it('tells the same writer apart on two inputs', () => {
    const tracker = new WatermarkTracker([[writer('a')], [writer('a')]])
    tracker.observe(tracker.progressOf(0, 'a'), 10)
    expect(tracker.watermarkMs).toBe(Number.NEGATIVE_INFINITY)
  })

  it('is raised to where a restart finds it, and never lowered', () => {
    const tracker = new WatermarkTracker([[writer('a')]])
    tracker.raise(40)
    tracker.raise(30)
    tracker.observe(tracker.progressOf(0, 'a'), 20)
    expect(tracker.watermarkMs).toBe(40)
  })

  it('goes on after a restart where it was, without hearing again what writers have said', () => {
    const happening = fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      eventTimeMs: fc.integer({ min: 0, max: 100 }),
      silent: fc.boolean(),
      restarts: fc.boolean(),
    })
    const begun = () => {
      const writers = ['a', 'b', 'c'].map((id) => writer(id, { sendsMarkers: true }))
      return new WatermarkTracker([writers])
    }
    fc.assert(
      fc.property(fc.array(happening), (all) => {
        const always = begun()
        let restarted = begun()
        const kept = new Map<string, string>()
        for (const { id, eventTimeMs, silent, restarts } of all) {
          for (const tracker of [always, restarted]) {
            const progress = tracker.progressOf(0, id)
            tracker.observe(progress, eventTimeMs)
            progress.isSilent = silent
            tracker.update()
          }
          for (const { key, value } of restarted.takeChanges()) kept.set(key, value)
          if (restarts) {
            const { watermarkMs } = restarted
            restarted = begun()
            restarted.raise(watermarkMs)
            for (const [key, value] of kept) restarted.restore(key, value)
          }
          expect(restarted.watermarkMs).toBe(always.watermarkMs)
        }
      }),
    )
  })

  it('keeps of a writer without markers what it wrote, not that it was silent', () => {
    const before = new WatermarkTracker([[writer('a')], [writer('a')]])
    before.observe(before.progressOf(0, 'a'), 10)
    before.silence([before.progressOf(1, 'a')])
    const changes = before.takeChanges()
    expect(changes).toHaveLength(1)
    expect(before.takeChanges()).toEqual([])
    const after = new WatermarkTracker([[writer('a')], [writer('a')]])
    for (const { key, value } of changes) after.restore(key, value)
    expect(after.update()).toBe(false)
    after.observe(after.progressOf(1, 'a'), 20)
    expect(after.watermarkMs).toBe(10)
  })

  it('needs nothing kept of a single writer, nor of those that are gone', () => {
    const tracker = new WatermarkTracker([[writer('a')]])
    tracker.observe(tracker.progressOf(0, 'a'), 10)
    expect(tracker.takeChanges()).toEqual([])
    tracker.restore('0/gone', '[900,false]')
    expect(tracker.watermarkMs).toBe(10)
  })

  it('never falls and never passes a writer that is heard, whatever happens in which order', () => {
    const happening = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'unexpected'),
      eventTimeMs: fc.integer({ min: 0, max: 100 }),
      silent: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(happening), (all) => {
        const tracker = new WatermarkTracker([[writer('a'), writer('b'), writer('c')]])
        const highest = new Map<string, number>()
        let before = Number.NEGATIVE_INFINITY
        for (const { id, eventTimeMs, silent } of all) {
          const progress = tracker.progressOf(0, id)
          if (silent && id !== 'unexpected') {
            progress.isSilent = true
            tracker.update()
          } else if (!silent) {
            tracker.observe(progress, eventTimeMs)
            if (id !== 'unexpected') highest.set(id, Math.max(eventTimeMs, highest.get(id) ?? 0))
          }
          expect(tracker.watermarkMs).toBeGreaterThanOrEqual(before)
          expect(tracker.watermarkMs).toBeLessThanOrEqual(
            Math.max(Number.NEGATIVE_INFINITY, ...highest.values()),
          )
          before = tracker.watermarkMs
        }
      }),
    )
  })
})
