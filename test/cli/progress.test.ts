import { describe, expect, it } from 'vitest'
import { Progress } from '../../src/cli/progress.ts'
import type { RunReport } from '../../src/runtime/run-report.ts'
import { aRunReport, aStageReport } from './report-fixture.ts'

function running(
  n: number,
  durationMs: number,
  changes: { lag?: number; phase?: string } = {},
): RunReport {
  return { ...aRunReport([aStageReport({ n, ...changes })], { outcome: 'running' }), durationMs }
}

describe('progress', () => {
  it('shows the rate since the start first, then that of the last looks', () => {
    const progress = new Progress()
    progress.add(running(100, 200))
    expect(progress.lines(running(100, 200))).toEqual(['orders: clean 100 records, 500/s'])
    for (let look = 1; look <= 20; look++)
      progress.add(running(100 + look * 10, 200 + look * 1_000))
    expect(progress.lines(running(300, 20_200))[0]).toContain('clean 300 records, 10/s')
  })

  it('tells what waits and what is blocked', () => {
    const report = running(5, 100, { lag: 1_200, phase: 'blocked' })
    const progress = new Progress()
    progress.add(report)
    expect(progress.lines(report)).toEqual([
      'orders: clean 5 records, 50/s, 1,200 waiting, blocked',
    ])
    expect(progress.block(report)[1]).toMatch(/^clean +5 +50\/s +1,200 +0 +blocked$/)
  })

  it('is silent about pipelines that have ended', () => {
    expect(new Progress().lines(aRunReport([aStageReport()]))).toEqual([])
  })
})
