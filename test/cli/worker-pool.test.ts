import { describe, expect, it } from 'vitest'
import { WorkerPool } from '../../src/cli/worker-pool.ts'
import type { WorkerEnd, WorkerMessage } from '../../src/cli/worker-process.ts'
import type { RunPart } from '../../src/runtime/run-part.ts'
import type { PipelineOutcome } from '../../src/runtime/run-report.ts'
import { StageMeter } from '../../src/runtime/stage-meter.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'

/** A worker process that does what the test says. */
class Script {
  readonly worker: number
  readonly signals: string[] = []
  readonly ended = Promise.withResolvers<WorkerEnd>()
  readonly tell: (message: WorkerMessage) => void

  constructor(worker: number, tell: (message: WorkerMessage) => void) {
    this.worker = worker
    this.tell = tell
  }

  /** Ends as workers do that say so first. */
  finish(outcome: PipelineOutcome, code: number, records = 0): void {
    this.tell({ kind: 'over', part: partOf(outcome, records) })
    this.ended.resolve({ code, signal: null })
  }

  die(end: WorkerEnd): void {
    this.ended.resolve(end)
  }
}

function partOf(outcome: PipelineOutcome, records: number): RunPart {
  const meter = new StageMeter()
  for (let record = 0; record < records; record++) meter.run.add(10)
  const node = {
    id: 'clean',
    stage: 'clean',
    role: 'cleaning',
    phase: 'working',
    tasks: 2,
    tasksRun: [],
    lag: 1,
    meter: meter.toData(),
  } as const
  return [{ pipeline: 'p', outcome, error: null, nodes: [node] }]
}

function aPool(count: number, early: string | null = null) {
  const clock = new VirtualClock(0)
  const started: Script[] = []
  const lines: string[] = []
  const stopping = new AbortController()
  if (early !== null) stopping.abort(early)
  const pool = new WorkerPool({
    count,
    clock,
    log: (level, message) => level !== 'debug' && lines.push(message),
    stopping: stopping.signal,
    start: (worker, onMessage) => {
      const script = new Script(worker, onMessage)
      started.push(script)
      const kill = (signal: string) => script.signals.push(signal)
      return { pid: 1, ended: script.ended.promise, kill }
    },
  })
  return { pool, clock, started, lines, stop: (signal: string) => stopping.abort(signal) }
}

const killed = { code: null, signal: 'SIGKILL' }

describe('a pool of workers', () => {
  it('starts as many as it should, and ends well when all have', async () => {
    const { pool, started } = aPool(3)
    expect(started.map(({ worker }) => worker)).toEqual([1, 2, 3])
    for (const script of started) script.finish('completed', 0, 5)
    await pool.done
    expect(pool.exitCode).toBe(0)
    const report = await pool.report()
    expect(report.pipelines[0]).toMatchObject({ outcome: 'completed', stages: [{ n: 15 }] })
    expect(report.workers).toEqual(
      [1, 2, 3].map((worker) => ({ worker, starts: 1, state: 'ended' })),
    )
  })

  it('starts one again that was killed or has crashed, after a pause that grows', async () => {
    const { pool, clock, started, lines } = aPool(1)
    started[0]!.tell({ kind: 'part', part: partOf('running', 4) })
    started[0]!.die(killed)
    await clock.advance(900)
    expect(lines).toEqual(['worker 1 was ended by SIGKILL; it is started again in 1 s'])
    expect(started).toHaveLength(1)
    await clock.advance(100)
    expect(started).toHaveLength(2)
    started[1]!.die({ code: 1, signal: null })
    await clock.advance(1_900)
    expect(started).toHaveLength(2)
    expect(lines[1]).toBe('worker 1 ended with exit code 1; it is started again in 2 s')
    await clock.advance(100)
    started[2]!.finish('completed', 0, 3)
    await pool.done
    expect(pool.exitCode).toBe(0)
    const report = await pool.report()
    expect(report.pipelines[0]).toMatchObject({ outcome: 'completed', stages: [{ n: 7, lag: 1 }] })
    expect(report.workers).toMatchObject([{ starts: 3, state: 'ended' }])
  })

  it('pauses for 30 s at most, and for 1 s again after one that has lived for long', async () => {
    const { clock, started } = aPool(1)
    for (const pause of [1, 2, 4, 8, 16, 30, 30]) {
      started.at(-1)!.die(killed)
      const before = started.length
      await clock.advance(1_000 * pause - 1)
      expect(started).toHaveLength(before)
      await clock.advance(1)
      expect(started).toHaveLength(before + 1)
    }
    await clock.advance(60_000)
    started.at(-1)!.die(killed)
    await clock.advance(1_000)
    expect(started).toHaveLength(9)
  })

  it('does not start one again whose pipeline has failed, or whose settings are wrong', async () => {
    const { pool, clock, started } = aPool(3)
    started[0]!.finish('failed', 1)
    started[1]!.die({ code: 2, signal: null })
    await clock.advance(60_000)
    expect(started).toHaveLength(3)
    started[2]!.finish('completed', 0)
    await pool.done
    expect(pool.exitCode).toBe(1)
    const { workers } = await pool.report()
    expect(workers!.map(({ state }) => state)).toEqual(['failed', 'failed', 'ended'])
  })

  it('goes on starting one that finds no brokers when it is started again', async () => {
    const { pool, clock, started } = aPool(1)
    started[0]!.die(killed)
    await clock.advance(1_000)
    started[1]!.die({ code: 2, signal: null })
    await clock.advance(2_000)
    started[2]!.finish('completed', 0)
    await pool.done
    expect(pool.exitCode).toBe(0)
  })

  it('ends as a mistake when that is what all say', async () => {
    const { pool, started } = aPool(2)
    started[0]!.finish('failed', 2)
    started[1]!.die({ code: 2, signal: null })
    await pool.done
    expect(pool.exitCode).toBe(2)
  })

  it('starts none again when the others have worked off everything', async () => {
    const { pool, clock, started } = aPool(2)
    started[0]!.die(killed)
    await clock.advance(500)
    started[1]!.finish('completed', 0)
    await pool.done
    expect(started).toHaveLength(2)
    expect(pool.exitCode).toBe(0)
  })

  it('passes the signal on that stops it, and starts none again then', async () => {
    const { pool, clock, started, stop } = aPool(3)
    started[2]!.die(killed)
    await clock.advance(10)
    stop('SIGINT')
    expect(started.map(({ signals }) => signals)).toEqual([['SIGINT'], ['SIGINT'], []])
    started[0]!.finish('stopped', 130)
    started[1]!.finish('stopped', 130)
    await pool.done
    expect(started).toHaveLength(3)
    expect(pool.exitCode).toBe(130)
    expect((await pool.report()).pipelines[0]!.outcome).toBe('stopped')
  })

  it('starts none when the signal has come before', async () => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 0],
    ] as const) {
      const { pool, started } = aPool(2, signal)
      await pool.done
      expect(started).toEqual([])
      expect(pool.exitCode).toBe(code)
    }
  })

  it('has failed when one that was to stop is killed', async () => {
    const { pool, started, stop } = aPool(2)
    stop('SIGTERM')
    started[0]!.finish('stopped', 0)
    started[1]!.die(killed)
    await pool.done
    expect(pool.exitCode).toBe(1)
  })

  it('ends well with one that the signal met before it had begun', async () => {
    const { pool, started, stop } = aPool(2)
    stop('SIGTERM')
    started[0]!.finish('stopped', 0)
    started[1]!.die({ code: null, signal: 'SIGTERM' })
    await pool.done
    expect(pool.exitCode).toBe(0)
  })

  it('lets one go that somebody has stopped by itself', async () => {
    const { pool, clock, started, lines } = aPool(2)
    started[0]!.finish('stopped', 0)
    await clock.advance(60_000)
    expect(started).toHaveLength(2)
    expect(lines).toEqual(['worker 1 was stopped; the others take over'])
    started[1]!.finish('completed', 0)
    await pool.done
    expect(pool.exitCode).toBe(0)
  })

  it('is ready while all its workers are at work', () => {
    const { pool, started, stop } = aPool(2)
    const part = partOf('running', 1)
    expect(pool.readiness()).toEqual({ isReady: false, says: 'worker 1 is not at work' })
    for (const script of started) script.tell({ kind: 'part', part })
    expect(pool.readiness()).toEqual({ isReady: true, says: 'ready' })
    stop('SIGTERM')
    expect(pool.readiness()).toEqual({ isReady: false, says: 'stopping' })
  })

  it('has the parts of all workers, also of those that died, and how each one is', async () => {
    const { pool, clock, started } = aPool(2)
    const own = { exemplars: [] } as unknown as NonNullable<WorkerMessage['own']>
    started[0]!.tell({ kind: 'part', part: partOf('running', 3), own })
    started[1]!.tell({ kind: 'part', part: partOf('running', 4) })
    expect(pool.workers()).toEqual([
      { worker: 1, starts: 1, own },
      { worker: 2, starts: 1, own: null },
    ])
    started[0]!.die(killed)
    await clock.advance(1_000)
    expect(pool.workers()[0]).toEqual({ worker: 1, starts: 2, own: null })
    const counts = (await pool.parts()).flatMap((part) =>
      part.flatMap(({ nodes }) => nodes.map(({ meter }) => meter.run.count)),
    )
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(7)
    const lost = (await pool.parts()).flat().filter(({ outcome }) => outcome === 'stopped')
    expect(lost[0]!.nodes[0]).toMatchObject({ lag: 0, backlog: [] })
  })
})
