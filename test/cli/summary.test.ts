import { describe, expect, it } from 'vitest'
import { summaryLines } from '../../src/cli/summary.ts'
import type { StageReport } from '../../src/runtime/run-report.ts'
import { aRunReport, aStageReport } from './report-fixture.ts'

const plain = { colors: false, logHint: '', files: new Map<string, readonly string[]>() }
const times = { mean: 0.0012, p50: 0.001, p95: 0.003, p99: 0.004, max: 0.1 }
const dispositions = {
  dead_lettered: 0,
  emitted: 0,
  absorbed: 0,
  late: 0,
  deduplicated: 0,
  filtered: 0,
  skipped: 0,
}

function busyStage(changes: Partial<StageReport> = {}): StageReport {
  return aStageReport({
    n: 12_345_678,
    t: times,
    T: 14_814,
    s: { ...times, mean: 123.4, p95: 999 },
    D: 1.5e9,
    rate: 182_000,
    dispositions: { ...dispositions, emitted: 12_345_678 },
    ...changes,
  })
}

describe('the summary', () => {
  it('fits into 100 columns with numbers and names of any length', () => {
    const stages = [busyStage({ stage: 'a'.repeat(60) }), busyStage({ role: 'producer' })]
    for (const line of summaryLines(aRunReport(stages), plain))
      expect(line.length).toBeLessThanOrEqual(120)
    const table = summaryLines(aRunReport([busyStage({ stage: 'normalize-orders' })]), plain)
    for (const line of table) expect(line.length).toBeLessThanOrEqual(100)
  })

  it('shows dispositions that occurred, reasons by their number, and what to do about dead letters', () => {
    const stage = busyStage({
      dispositions: { ...dispositions, emitted: 5, dead_lettered: 3, filtered: 1_000 },
      reasons: { RECORD_CAST: 1, filter: 1_000, RECORD_DECODE: 2, other: 0 },
      made: 7,
    })
    const text = summaryLines(aRunReport([stage]), { ...plain, logHint: ' --data-dir d' }).join(
      '\n',
    )
    expect(text).toContain('  3 dead_lettered, 5 emitted, 1,000 filtered, 7 results made\n')
    expect(text).toContain('  by reason: filter 1,000, RECORD_DECODE 2, RECORD_CAST 1\n')
    expect(text).toContain('millrace dlq show clean --data-dir d')
    expect(text).not.toContain('absorbed')
  })

  it('points to the list when several stages have dead letters', () => {
    const failing = { dispositions: { ...dispositions, dead_lettered: 1 } }
    const stages = [busyStage(failing), busyStage({ ...failing, stage: 'other' })]
    expect(summaryLines(aRunReport(stages), plain).join('\n')).toContain('millrace dlq ls')
  })

  it('says when there was nothing to do, unless that is because it failed', () => {
    expect(summaryLines(aRunReport([aStageReport()]), plain).join('\n')).toContain(
      'nothing new to read',
    )
    const failed = aRunReport([aStageReport()], { outcome: 'failed' })
    expect(summaryLines(failed, plain).join('\n')).not.toContain('nothing new')
  })

  it('says of which tasks its numbers are where others ran some too', () => {
    const part = { tasks: 4, tasksRun: ['o.clean/0', 'o.clean/3'] }
    const none = { ...part, stage: 'totals', tasks: 1, tasksRun: [] }
    const lines = (stages: readonly StageReport[], workers = {}) =>
      summaryLines({ ...aRunReport(stages), ...workers }, plain).join('\n')
    const one = lines([busyStage(part), busyStage(none)])
    expect(one).toContain('\n  this worker ran 2 of its 4 tasks\n')
    expect(one).toContain('\n  this worker ran none of its 1 task\n')
    expect(lines([busyStage()])).not.toContain('this worker')
    const worker = { starts: 1, state: 'ended' } as const
    const workers = [1, 2].map((number) => ({ ...worker, worker: number }))
    const several = lines([busyStage(part)], { workers })
    expect(several).toContain('completed after 2.35 s, by 2 workers\n')
    expect(several).toContain('\n  these workers ran 2 of its 4 tasks\n')
    expect(lines([aStageReport(part)])).toContain('to read for the 2 of its 4 tasks that ran here.')
    expect(lines([aStageReport(none)])).toContain('None of its tasks ran here.')
  })

  it('says what is missing in the numbers when workers had to be started again', () => {
    const workers = [1, 3].map((starts, index) => ({
      worker: index + 1,
      starts,
      state: 'ended' as const,
    }))
    const text = summaryLines({ ...aRunReport([busyStage()]), workers }, plain).join('\n')
    expect(text).toContain('Started worker 2 3 times.')
  })

  it('shows what the model predicts, how far it is off, and of hooks the same as of records', () => {
    const prediction = {
      serviceTime: 0.5,
      ahead: 12,
      wait: { predicted: 6, measured: 8, residualPercent: 25 },
      backlog: { predicted: 100, measured: 1, residualPercent: -9_900 },
      notes: ['records are taken and committed some 20 at a time'],
    }
    const hook = {
      event: 'record_failed',
      listener: 'log',
      n: 7,
      t: times,
      T: 0.0084,
      s: times,
      D: 0.0084,
      arrivalRate: 3,
      serviceRate: 5_000,
      utilisation: 0.1,
      prediction,
      delivered: 4,
      failed: 2,
      timedOut: 1,
      dropped: 9,
      limited: 0,
    } as const
    const waiting = { queue: 12_345_678, batch: 0, backoff: 0, commit: 24_691_356 }
    const stage = busyStage({ prediction, hooks: [hook], waiting, utilisation: 0.62 })
    const lines = summaryLines(aRunReport([stage]), plain)
    const text = lines.join('\n')
    expect(text).toMatch(/^clean +1 µs +4 µs .* 1 ms +0 +0 +2 ms$/m)
    expect(text).toMatch(/^clean +62 % .* 12 +6 ms +8 ms +\+25 % +100 +1 +<-999 %$/m)
    expect(text).toMatch(/^clean +record_failed, log +7 .* 3\/s +\+25 %$/m)
    expect(text).toContain('- clean: records are taken and committed some 20 at a time.')
    expect(text).toContain('- clean, record_failed (log): 2 failed, 1 timed out, 9 were dropped.')
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100)
  })

  it('does not let names from the history redraw the terminal', () => {
    const stage = busyStage({ stage: 'a\u001b[2Jb', commitInQueue: true })
    expect(summaryLines(aRunReport([stage]), plain).join('\n')).not.toContain('\u001b')
  })

  it('names the bottleneck and suspected clocks', () => {
    const sentence = 'clean is the bottleneck'
    const bottleneck = { stage: 'clean', cause: 'steps', sentence } as const
    const text = summaryLines(
      aRunReport([busyStage({ clockSkewSuspected: true })], { bottleneck }),
      plain,
    ).join('\n')
    expect(text).toContain('clean is the bottleneck.')
    expect(text).toContain('clock_skew_suspected')
  })

  it('has colours only where they are wanted', () => {
    const report = aRunReport([busyStage()])
    expect(summaryLines(report, plain).join('')).not.toContain('\u001b')
    expect(summaryLines(report, { ...plain, colors: true }).join('')).toContain(
      '\u001b[32mcompleted\u001b[39m',
    )
  })
})
