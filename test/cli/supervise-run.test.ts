import { describe, expect, it } from 'vitest'
import { StatusArea } from '../../src/cli/status-area.ts'
import { shutdownTimeoutMs, superviseRun, type SupervisedRun } from '../../src/cli/supervise-run.ts'
import { PipelineError } from '../../src/core/errors.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aRunReport, aStageReport } from './report-fixture.ts'

/** A run whose end the test decides. */
function aRun(pipelines: number) {
  const end = Promise.withResolvers<void>()
  const states = Array.from({ length: pipelines }, () => ({ error: null as PipelineError | null }))
  const report = {
    ...aRunReport([aStageReport({ n: 7 })], { outcome: 'running' }),
    durationMs: 1_000,
  }
  const run: SupervisedRun = {
    runs: states,
    done: end.promise,
    report: async () => report,
  }
  return { run, end, fail: (index: number, error: PipelineError) => (states[index]!.error = error) }
}

function supervise(run: SupervisedRun) {
  const clock = new VirtualClock(0)
  const environment = aCliEnvironment({ clock })
  const lines: string[] = []
  const told: string[] = []
  const stop = new AbortController()
  let isClosed = false
  const ending = superviseRun(run, {
    environment,
    area: new StatusArea(environment, { block: false }),
    log: (_level, message) => lines.push(message),
    stopping: environment.interrupts.listen(),
    stop: () => stop.abort(),
    quiet: false,
    isSupervised: false,
    close: async () => void (isClosed = true),
    tell: ({ code }) => told.push(code),
  })
  return { clock, environment, ending, lines, told, stop: stop.signal, isClosed: () => isClosed }
}

const failure = new PipelineError('FILE_FAILED', 'it broke')

describe('supervising a run', () => {
  it('ends when the run does, and closes the log then', async () => {
    const { run, end } = aRun(1)
    const { ending, isClosed } = supervise(run)
    end.resolve()
    expect(await ending).toEqual({ isForced: false, failures: [], signal: null })
    expect(isClosed()).toBe(true)
  })

  it('says every ten seconds how it goes where there is no terminal', async () => {
    const { run, end } = aRun(1)
    const { clock, ending, lines } = supervise(run)
    await clock.advance(9_500)
    expect(lines).toEqual([])
    await clock.advance(1_000)
    expect(lines).toEqual(['orders: clean 7 records, 7/s'])
    end.resolve()
    await ending
  })

  it('tells a failure once, as soon as it is there, while others go on', async () => {
    const { run, end, fail } = aRun(2)
    const { clock, ending, told, stop } = supervise(run)
    fail(0, failure)
    await clock.advance(1_000)
    expect(told).toEqual(['FILE_FAILED'])
    expect(stop.aborted).toBe(false)
    end.resolve()
    expect((await ending).failures).toEqual([failure])
    expect(told).toHaveLength(1)
  })

  it('stops everything when the log is lost, and when all have failed', async () => {
    const lost = aRun(2)
    const first = supervise(lost.run)
    lost.fail(1, new PipelineError('LOG_IO', 'no disk'))
    await first.clock.advance(1_000)
    expect(first.stop.aborted).toBe(true)
    const hopeless = aRun(1)
    const second = supervise(hopeless.run)
    hopeless.fail(0, failure)
    await second.clock.advance(1_000)
    expect(second.stop.aborted).toBe(true)
    lost.end.resolve()
    hopeless.end.resolve()
    await Promise.all([first.ending, second.ending])
  })

  it('names the signal that stopped the run', async () => {
    const { run, end } = aRun(1)
    const { environment, ending, lines, clock } = supervise(run)
    environment.interrupt('SIGINT')
    await clock.advance(100)
    end.resolve()
    expect(await ending).toMatchObject({ isForced: false, signal: 'SIGINT' })
    expect(lines[0]).toMatch(/^stopping: /)
  })

  it('cuts off a run that does not stop in time', async () => {
    const { run } = aRun(1)
    const { environment, ending, lines, clock, isClosed } = supervise(run)
    environment.interrupt('SIGTERM')
    await clock.advance(shutdownTimeoutMs + 1_000)
    expect(await ending).toMatchObject({ isForced: true, signal: 'SIGTERM' })
    expect(lines.at(-1)).toContain('did not stop within 10 s')
    expect(isClosed()).toBe(false)
  })
})
