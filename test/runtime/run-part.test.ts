import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergedReports, type NodePart, type PipelinePart } from '../../src/runtime/run-part.ts'
import { pipelineReport } from '../../src/runtime/run-report.ts'
import { SliceStats } from '../../src/runtime/slice-stats.ts'
import { StageMeter } from '../../src/runtime/stage-meter.ts'

interface Slice {
  readonly committedUs: number
  readonly records: readonly { readonly waitUs: number; readonly runUs: number }[]
}

const durationUs = fc.double({ min: 0, max: 1e9, noNaN: true })
const slice: fc.Arbitrary<Slice> = fc.record({
  committedUs: fc.integer({ min: 2e9, max: 3e9 }),
  records: fc.array(fc.record({ waitUs: durationUs, runUs: durationUs }), { minLength: 1 }),
})

const byTime = (left: Slice, right: Slice) => left.committedUs - right.committedUs

function addSlice(meter: StageMeter, { records, committedUs }: Slice): void {
  const stats = new SliceStats(records.length)
  for (const { waitUs, runUs } of records) stats.addRecord(waitUs, runUs, waitUs + runUs)
  stats.dispositions[0] = records.length
  stats.addFailure('RECORD_CAST')
  stats.drops = new Map([['filter', 2]])
  stats.made = 1
  meter.addSlice(stats, committedUs)
}

function node(changes: Partial<NodePart> = {}): NodePart {
  return {
    id: 'clean',
    stage: 'clean',
    role: 'cleaning',
    phase: 'ended',
    tasks: 3,
    tasksRun: [],
    lag: 0,
    meter: new StageMeter().toData(),
    ...changes,
  }
}

function part(changes: Partial<PipelinePart> = {}): PipelinePart {
  return { pipeline: 'p', outcome: 'completed', error: null, nodes: [node()], ...changes }
}

const time = { durationMs: 10_000 }

describe('reports of several processes', () => {
  it('add up to the one that one process would have made, quantiles included', () => {
    fc.assert(
      fc.property(fc.array(fc.array(slice), { minLength: 1, maxLength: 4 }), (workers) => {
        const alone = new StageMeter()
        for (const each of workers.flat().toSorted(byTime)) addSlice(alone, each)
        const parts = workers.map((slices) => {
          const meter = new StageMeter()
          for (const each of slices.toSorted(byTime)) addSlice(meter, each)
          // As it is sent to another process.
          return [part({ nodes: [structuredClone(node({ meter: meter.toData() }))] })]
        })
        const [merged] = mergedReports(parts, time)
        const { tasks, role, phase, stage } = node()
        const one = { stage, role, phase, tasks, tasksRun: [], lag: 0, meter: alone }
        const what = { pipeline: 'p', outcome: 'completed', error: null } as const
        const expected = pipelineReport(what, { parts: [one] }, time).stages[0]!
        const found = merged!.stages[0]!
        expect({ ...found.t, mean: 0 }).toEqual({ ...expected.t, mean: 0 })
        expect({ ...found.s, mean: 0 }).toEqual({ ...expected.s, mean: 0 })
        for (const key of ['n', 'T', 'D', 'rate', 'made'] as const)
          expect(found[key]).toBeCloseTo(expected[key], 3)
        expect(found.dispositions).toEqual(expected.dispositions)
        expect(found.reasons).toEqual(expected.reasons)
      }),
    )
  })

  it('name each task once, in their order, and add up what waits', () => {
    const ids = (...numbers: number[]) => numbers.map((number) => `p.clean/${number}`)
    const [merged] = mergedReports(
      [
        [part({ nodes: [node({ tasksRun: ids(2, 10), lag: 5 })] })],
        [part({ nodes: [node({ tasksRun: ids(2, 9), lag: 7, phase: 'working' })] })],
        [part({ nodes: [node({ phase: 'elsewhere' })] })],
      ],
      time,
    )
    const [stage] = merged!.stages
    expect(stage).toMatchObject({ tasks: 3, tasksRun: ids(2, 9, 10), lag: 12, phase: 'working' })
  })

  it('have failed when one has, and are complete when one has seen the end of all tasks', () => {
    const outcome = (...outcomes: PipelinePart['outcome'][]) =>
      mergedReports(
        outcomes.map((each) => [part({ outcome: each })]),
        time,
      )[0]!.outcome
    expect(outcome('completed', 'failed')).toBe('failed')
    expect(outcome('stopped', 'completed')).toBe('completed')
    expect(outcome('stopped', 'running')).toBe('running')
    expect(outcome('stopped', 'stopped')).toBe('stopped')
    const error = { code: 'LOG_IO', message: 'gone' }
    const [failed] = mergedReports([[part()], [part({ outcome: 'failed', error })]], time)
    expect(failed!.error).toEqual(error)
  })

  it('share the time of all processes', () => {
    const meter = new StageMeter()
    addSlice(meter, { committedUs: 2e9, records: [{ waitUs: 0, runUs: 5e6 }] })
    const parts = [[part({ nodes: [node({ meter: meter.toData() })] })], [part()]]
    const [merged] = mergedReports(parts, { durationMs: 10_000, processes: 2 })
    expect(merged!.stages[0]!.utilisation).toBeCloseTo(0.25, 9)
  })

  it('are none before anybody has told anything', () => {
    expect(mergedReports([[], []], time)).toEqual([])
  })
})
