import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Disposition, dispositions } from '../../src/core/operator.ts'
import { type MeteredPart, stageReport } from '../../src/runtime/run-report.ts'
import { SliceStats } from '../../src/runtime/slice-stats.ts'
import { StageMeter } from '../../src/runtime/stage-meter.ts'

interface Measured {
  readonly waitUs: number
  readonly runUs: number
}

/** One slice that was committed at `committedUs`, its records one after the other from 0 on. */
function addSlice(meter: StageMeter, records: readonly Measured[], committedUs: number): void {
  const stats = new SliceStats(records.length)
  for (const { waitUs, runUs } of records) stats.addRecord(waitUs, runUs, waitUs + runUs)
  meter.addSlice(stats, committedUs)
}

function meterOf(counts: Partial<Record<Disposition, number>>): StageMeter {
  const meter = new StageMeter()
  for (const [index, name] of dispositions.entries()) meter.dispositions[index] = counts[name] ?? 0
  return meter
}

function part(meter: StageMeter, more: Partial<MeteredPart> = {}): MeteredPart {
  return { phase: 'ended', role: 'cleaning', tasks: 1, tasksRun: [], meter, lag: 0, ...more }
}

describe('stage report', () => {
  it('says T = n * t and D = s * n, whatever was measured', () => {
    const durationUs = fc.double({ min: 0, max: 1e6, noNaN: true })
    const records = fc.array(fc.record({ waitUs: durationUs, runUs: durationUs }), { minLength: 1 })
    fc.assert(
      fc.property(fc.array(records, { minLength: 1 }), (slices) => {
        const meter = new StageMeter()
        for (const slice of slices) addSlice(meter, slice, 3e6)
        const { n, t, T, s, D } = stageReport('s', [part(meter)], { durationMs: 1_000 })
        const all = slices.flat()
        const runMs = all.reduce((sum, { runUs }) => sum + runUs, 0) / 1_000
        expect(n).toBe(all.length)
        expect(T).toBeCloseTo(runMs, 6)
        expect(n * t.mean).toBeCloseTo(T, 6)
        expect(n * s.mean).toBeCloseTo(D, 6)
        // A record's wait is all that is not its run, from where it could be read to its commit.
        expect(T + D).toBeCloseTo(all.length * 3_000, 3)
      }),
    )
  })

  it('is all zeros for a stage that had nothing to do', () => {
    const report = stageReport('s', [part(new StageMeter())], { durationMs: 1_000 })
    expect(report).toMatchObject({
      n: 0,
      T: 0,
      D: 0,
      rate: 0,
      serviceRate: 0,
      utilisation: 0,
      made: 0,
    })
    expect(report.t).toEqual({ mean: 0, p50: 0, p95: 0, p99: 0, max: 0 })
  })

  it('has back-off apart from commit, both parts of the waiting', () => {
    const meter = new StageMeter()
    const stats = new SliceStats(2)
    stats.addRecord(10, 5, 15)
    stats.addRecord(15, 5, 20)
    stats.batchUs = 25
    stats.backoffUs = 2_000
    stats.pausedUs = 1_000
    meter.addSlice(stats, 1_120)
    const { waiting, D } = stageReport('s', [part(meter)], { durationMs: 1 })
    expect(waiting.backoff).toBe(2)
    expect(waiting.queue + waiting.batch + waiting.backoff + waiting.commit).toBeCloseTo(D, 9)
  })

  it('adds the parts of a stage up: their time, once each record', () => {
    const first = meterOf({ emitted: 8, filtered: 2 })
    const second = meterOf({ absorbed: 6, late: 2 })
    addSlice(
      first,
      Array.from({ length: 10 }, () => ({ waitUs: 100, runUs: 10 })),
      110,
    )
    addSlice(
      second,
      Array.from({ length: 8 }, () => ({ waitUs: 50, runUs: 20 })),
      70,
    )
    const report = stageReport(
      's',
      [part(first, { lag: 3 }), part(second, { role: 'analysis', lag: 4, phase: 'waiting' })],
      { durationMs: 10 },
    )
    expect(report).toMatchObject({ n: 10, role: 'analysis', phase: 'waiting', lag: 7 })
    expect(report.T).toBeCloseTo(0.26, 9)
    expect(report.D).toBeCloseTo(1.4, 9)
    expect(report.dispositions).toMatchObject({ filtered: 2, absorbed: 6, late: 2, emitted: 0 })
  })

  it('does not count results that a later part wrote as inputs', () => {
    const report = stageReport(
      's',
      [part(meterOf({ absorbed: 5 })), part(meterOf({ emitted: 2, dead_lettered: 1 }))],
      { durationMs: 10 },
    )
    expect(report.dispositions).toMatchObject({ absorbed: 5, emitted: 0, dead_lettered: 0 })
  })

  it('counts a record that was split between two parts once, as the strongest of what became of it', () => {
    const report = stageReport(
      's',
      [part(meterOf({ emitted: 1, skipped: 1 })), part(meterOf({ absorbed: 2, late: 1 }))],
      { durationMs: 10 },
    )
    expect(report.dispositions).toMatchObject({ absorbed: 1, late: 0, skipped: 1, emitted: 0 })
  })
})
