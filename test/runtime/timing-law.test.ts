import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Log } from '../../src/core/log.ts'
import { PipelineError } from '../../src/core/errors.ts'
import type { CommittedSlice } from '../../src/core/telemetry.ts'
import { openWritableLog } from '../../src/logs/embedded/open-embedded-log.ts'
import { MemoryLog } from '../../src/logs/memory-log.ts'
import type { StageReport } from '../../src/runtime/run-report.ts'
import { startRun } from '../../src/runtime/start-run.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { startMs } from '../simulation/pipeline-fixture.ts'
import { plannedSink, plannedSource, RunBench, withTasks, WorkingClock } from './run-fixture.ts'

/**
 * The law: what a stage measures of a record (queue, batch, run, back-off, commit) adds up, over all its
 * stages, to the time from its ingest to the commit of the last one.
 */
const text = `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    to: one
  - name: clean
    from: one
    steps:
      - set: { seen: true }
    to: two
  - name: last
    from: two
    retry: { backoff: { initial: 40ms, max: 40ms } }
    sink: { slow: 1 }
`
const count = 60
const slice = 10
/** Of a float that holds µs since 1970: a few of its steps of a quarter of a µs. */
const resolutionUs = 2

/** Where time is spent on purpose, ms. */
interface Delays {
  /** Before the task of a stage gets what it pulls. */
  readonly pull?: Readonly<Record<string, number>>
  /** Before a commit of a stage is given to the log. */
  readonly commit?: Readonly<Record<string, number>>
  /** The sink is not there for so many attempts. */
  readonly away?: number
  /** Writing to the sink. */
  readonly write?: number
}

class Measured {
  readonly slices: (Pick<CommittedSlice, 'stage' | 'records' | 'committedUs'> & {
    readonly waitUs: readonly number[]
    readonly runUs: readonly number[]
    readonly endUs: readonly number[]
  })[] = []

  sliceCommitted({ stage, records, committedUs, waitUs, runUs, endUs }: CommittedSlice): void {
    const own = (values: Float64Array) => [...values.subarray(0, records)]
    const times = { waitUs: own(waitUs), runUs: own(runUs), endUs: own(endUs) }
    this.slices.push({ stage, records, committedUs, ...times })
  }

  /** By record, in the order of the only partition: all that the stage says it took. */
  of(stage: string): { tookUs: number; arrivedUs: number; committedUs: number }[] {
    return this.slices
      .filter((each) => each.stage === stage)
      .flatMap(({ records, committedUs, waitUs, runUs, endUs }) =>
        Array.from({ length: records }, (_, index) => ({
          tookUs: waitUs[index]! + runUs[index]! + (committedUs - endUs[index]!),
          arrivedUs: endUs[index]! - runUs[index]! - waitUs[index]!,
          committedUs,
        })),
      )
  }
}

function delayed(log: Log, clock: Clock, { pull = {}, commit = {} }: Delays): Log {
  const nameOf = (id: string) => id.replace(/^p\./, '').replace(/\/\d+$/, '')
  return withTasks(log, (task, { id }) => {
    const stage = nameOf(id)
    return {
      async pull(request) {
        const found = await task.pull(request)
        if (found !== null && pull[stage] !== undefined) await clock.sleep(pull[stage])
        return found
      },
      async commit(result) {
        if (commit[stage] !== undefined) await clock.sleep(commit[stage])
        return task.commit(result)
      },
    }
  })
}

async function aRun(log: Log, clock: Clock, delays: Delays) {
  const bench = new RunBench(clock instanceof VirtualClock ? clock : new VirtualClock(startMs))
  const values = Array.from({ length: count }, (_, n) => ({ n }))
  const source = plannedSource('numbers', { values, sliceSize: slice }, clock as VirtualClock)
  let attempts = 0
  const sink = plannedSink('slow', async () => {
    attempts += 1
    if (delays.write !== undefined) await clock.sleep(delays.write)
    if (attempts <= (delays.away ?? 0)) throw new PipelineError('PEER_UNAVAILABLE', 'not there')
    return []
  })
  const topology = bench.topology(text, {
    sources: [source],
    sinks: [sink.definition],
    partitions: 1,
  })
  const measured = new Measured()
  const environment = {
    log: delayed(log, clock, delays),
    clock,
    random: new SeededRandom(7),
    notice: () => {},
    follow: false,
    outsideEnds: null,
    executor: null,
    mask: (each: string) => each,
    telemetry: measured,
    listeners: { log: () => {} },
    endpoints: { clock, random: new SeededRandom(8), notice: () => {} } as never,
  }
  const run = await startRun([topology], environment, new AbortController().signal)
  let isOver = false
  const done = run.done.then(() => (isOver = true))
  if (clock instanceof VirtualClock) while (!isOver) await clock.advance(5)
  await done
  const { stages, bottleneck } = (await run.report()).pipelines[0]!
  return { measured, stages, bottleneck }
}

/** Record by record, and in the sums of the report. */
function assertLaw({ measured, stages }: Awaited<ReturnType<typeof aRun>>): void {
  const byStage = ['ingest', 'clean', 'last'].map((stage) => measured.of(stage))
  let wayMs = 0
  for (let index = 0; index < count; index++) {
    const [first, , last] = byStage.map((records) => records[index]!)
    const tookUs = byStage.reduce((sum, records) => sum + records[index]!.tookUs, 0)
    const wayUs = last!.committedUs - first!.arrivedUs
    expect(Math.abs(tookUs - wayUs)).toBeLessThan(resolutionUs * byStage.length)
    wayMs += wayUs / 1_000
  }
  const accountedMs = stages.reduce((sum, { T, D }) => sum + T + D, 0)
  expect(Math.abs(accountedMs - wayMs)).toBeLessThan((resolutionUs * 3 * count) / 1_000)
  for (const { n, T, D, t, s, waiting } of stages) {
    const { queue, batch, backoff, commit } = waiting
    expect(n).toBe(count)
    expect(queue + batch + backoff + commit).toBeCloseTo(D, 2)
    expect(n * t.mean).toBeCloseTo(T, 6)
    expect(n * s.mean).toBeCloseTo(D, 6)
  }
}

function stageOf(stages: readonly StageReport[], name: string): StageReport {
  return stages.find(({ stage }) => stage === name)!
}

const delay = 30

describe('the times of a record add up to its way', () => {
  const places: readonly (readonly [string, Delays, (stages: readonly StageReport[]) => number])[] =
    [
      [
        'the commit before',
        { commit: { ingest: delay } },
        (all) => stageOf(all, 'ingest').waiting.commit,
      ],
      ['the queue', { pull: { clean: delay } }, (all) => stageOf(all, 'clean').waiting.queue],
      ['the commit', { commit: { clean: delay } }, (all) => stageOf(all, 'clean').waiting.commit],
      ['the sink', { write: delay }, (all) => stageOf(all, 'last').waiting.commit],
      ['the back-off', { away: 2 }, (all) => stageOf(all, 'last').waiting.backoff],
    ]

  it.each(places)('with a delay in %s, which is found there', async (_name, delays, partOf) => {
    const clock = new VirtualClock(startMs)
    const result = await aRun(new MemoryLog({ clock }), clock, delays)
    assertLaw(result)
    // Each record of a slice waits for all of it; the back-off is met by the first slice alone.
    const least = delays.away === undefined ? count * delay : slice * delay
    expect(partOf(result.stages)).toBeGreaterThanOrEqual(least)
  })

  it('with time that passes in the steps, for which the records behind wait too', async () => {
    const clock = new WorkingClock(startMs)
    const result = await aRun(new MemoryLog({ clock }), clock, {})
    assertLaw(result)
    const { T, waiting } = stageOf(result.stages, 'clean')
    expect(T).toBeGreaterThanOrEqual(count * 0.003)
    // The fifth of ten waits for four others, and so on.
    expect(waiting.batch).toBeGreaterThanOrEqual((T * (slice - 1)) / 2)
  })

  it('with delays everywhere at once', async () => {
    const clock = new VirtualClock(startMs)
    const delays = {
      pull: { clean: 7, last: 3 },
      commit: { ingest: 5, clean: 11 },
      away: 3,
      write: 13,
    }
    assertLaw(await aRun(new MemoryLog({ clock }), clock, delays))
  })

  it('where the log does not know when records could be read, but for the queue of each alone', async () => {
    const clock = new VirtualClock(startMs)
    const log = new MemoryLog({ clock })
    const { stages, measured } = await aRun(forgetful(log), clock, { commit: { ingest: delay } })
    const first = measured.of('ingest')
    const last = measured.of('last')
    const wayMs =
      last.reduce((sum, { committedUs }, at) => sum + committedUs - first[at]!.arrivedUs, 0) / 1_000
    const accountedMs = stages.reduce((sum, { T, D }) => sum + T + D, 0)
    expect(accountedMs).toBeCloseTo(wayMs, 1)
    expect(stageOf(stages, 'clean')).toMatchObject({ commitInQueue: true })
    expect(stageOf(stages, 'clean').waiting.queue).toBeLessThan(delay)
    expect(stageOf(stages, 'ingest').commitInQueue).toBe(false)
  })
})

describe('what holds a run up', () => {
  it.each<[string, Delays, object]>([
    ['its sink', { write: 50 }, { cause: 'sink', stage: 'last' }],
    ['a peer that is away', { away: 9 }, { cause: 'peer', stage: 'last' }],
    ['the log', { commit: { clean: 50 } }, { cause: 'log', stage: null }],
  ])('is named as the cause: %s', async (_name, delays, expected) => {
    const clock = new VirtualClock(startMs)
    const { bottleneck } = await aRun(new MemoryLog({ clock }), clock, delays)
    expect(bottleneck).toMatchObject(expected)
  })
})

describe('a run on a real clock and a real log', () => {
  const folders: string[] = []
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
  })

  it('adds up within the resolution of the clock, with delays in each place', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-timing-'))
    folders.push(directory)
    const clock = createSystemClock()
    const log = await openWritableLog({ directory, clock })
    const delays = { pull: { clean: 4 }, commit: { ingest: 3, clean: 5 }, away: 1, write: 6 }
    const result = await aRun(log, clock, delays)
    await log.close()
    assertLaw(result)
    const { stages } = result
    expect(stageOf(stages, 'ingest').waiting.commit).toBeGreaterThanOrEqual(count * 3)
    expect(stageOf(stages, 'clean').waiting.queue).toBeGreaterThanOrEqual(count * 4)
    expect(stageOf(stages, 'clean').waiting.commit).toBeGreaterThanOrEqual(count * 5)
    expect(stageOf(stages, 'last').waiting.commit).toBeGreaterThanOrEqual(count * 6)
    expect(stageOf(stages, 'last').waiting.backoff).toBeGreaterThanOrEqual(slice * 20)
    for (const { clockSkewSuspected, t } of stages) {
      expect(clockSkewSuspected).toBe(false)
      // Microseconds, not whole milliseconds.
      expect(t.mean).toBeGreaterThan(0)
      expect(t.p50 % 1).not.toBe(0)
    }
  })
})

describe('a clock that is ahead', () => {
  it('is shown with how far it is, and its waits are left negative', async () => {
    const clock = new VirtualClock(startMs)
    const log = new MemoryLog({ clock })
    const { stages } = await aRun(fromTheFuture(log, 250_000), clock, {})
    const clean = stageOf(stages, 'clean')
    expect(clean.clockSkewSuspected).toBe(true)
    expect(clean.clockSkew).toEqual({ records: count, max: 250 })
    expect(clean.waiting.queue).toBeCloseTo(-250 * count, 3)
    expect(clean.prediction.notes.join()).toContain('ahead of this one by up to 250.0 ms')
    expect(stageOf(stages, 'ingest').clockSkewSuspected).toBe(false)
  })
})

/** As a cluster, which does not say when records could be read. */
function forgetful(log: Log): Log {
  return withVisible(log, () => Number.NaN)
}

function fromTheFuture(log: Log, us: number): Log {
  return withVisible(log, (visibleUs, topic) => (topic === 'one' ? visibleUs + us : visibleUs))
}

function withVisible(log: Log, change: (visibleUs: number, topic: string) => number): Log {
  return withTasks(log, (task) => ({
    async pull(request) {
      const found = await task.pull(request)
      return (
        found?.map((each) => ({ ...each, visibleUs: change(each.visibleUs, each.topic) })) ?? null
      )
    },
  }))
}
