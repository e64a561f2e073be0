import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readTimings } from '../../src/cli/read-timings.ts'
import { PipelineError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { MemoryLog } from '../../src/logs/memory-log.ts'
import { HookMeter } from '../../src/runtime/hook-meter.ts'
import { meterDelta } from '../../src/runtime/meter-delta.ts'
import { mergeTimings } from '../../src/runtime/merge-timings.ts'
import type { RunPart } from '../../src/runtime/run-part.ts'
import { StageMeter } from '../../src/runtime/stage-meter.ts'
import { TimingsHistory } from '../../src/runtime/timings-history.ts'
import { decodeTimings, encodeTimings, timingsTopic } from '../../src/runtime/timings-record.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { startMs } from '../simulation/pipeline-fixture.ts'
import { addSlice, aNode, aPart, sliceOf, type MeasuredSlice } from './timings-fixture.ts'

interface Recording {
  readonly clock: VirtualClock
  readonly log: Log
  readonly notices: string[]
  readonly history: TimingsHistory
  readonly stop: TimingsHistory['close']
}

function record(
  part: () => RunPart,
  more: { clock?: VirtualClock; log?: Log; worker?: string; creates?: boolean } = {},
): Recording {
  const { clock = new VirtualClock(startMs), worker = 'w1', creates = true } = more
  const { log = new MemoryLog({ clock }) } = more
  const notices: string[] = []
  const history = new TimingsHistory({
    log,
    clock,
    worker,
    creates,
    part: () => Promise.resolve(part()),
    notice: (message) => notices.push(message),
  })
  const over = new AbortController()
  const running = history.run(over.signal)
  const stop = async (how?: Parameters<TimingsHistory['close']>[0]) => {
    over.abort()
    await running
    await history.close(how)
  }
  return { clock, log, notices, history, stop }
}

async function reportOf({ log, clock }: Pick<Recording, 'log' | 'clock'>, nowMs = clock.wallMs()) {
  const { timings } = await readTimings(log.reader, { fromMs: 0, toMs: Infinity }, null)
  return mergeTimings(timings, 1_000 * nowMs)
}

const durationUs = fc.double({ min: 0, max: 1e8, noNaN: true })
const slices: fc.Arbitrary<MeasuredSlice[]> = fc.array(
  fc.record({
    committedUs: fc.integer({ min: 2e9, max: 3e9 }),
    records: fc.array(fc.record({ waitUs: durationUs, runUs: durationUs }), {
      minLength: 1,
      maxLength: 5,
    }),
  }),
  { maxLength: 4 },
)

/** Of a run, all but its node. */
const someTimings = {
  worker: 'w',
  runUs: 1,
  fromUs: 1,
  toUs: 2,
  pipeline: 'p',
  outcome: 'running',
  order: 0,
  hooks: [],
} as const

describe('what comes to a meter from one look to the next', () => {
  it('adds up to all of it, counts, sums and quantiles', () => {
    fc.assert(
      fc.property(fc.array(slices, { maxLength: 5 }), (looks) => {
        const meter = new StageMeter()
        const sum = new StageMeter()
        let before = null
        for (const look of looks) {
          for (const each of look) addSlice(meter, each)
          const now = meter.toData()
          // As it is written and read again.
          const node = { ...aNode(meter), meter: meterDelta(now, before) }
          sum.addData(decodeTimings(encodeTimings({ ...someTimings, node }))!.node.meter)
          before = now
        }
        for (const key of ['run', 'wait'] as const) {
          expect(sum[key].count).toBe(meter[key].count)
          expect(sum[key].maxUs).toBe(meter[key].maxUs)
          expect(sum[key].sumUs).toBeCloseTo(meter[key].sumUs, 0)
          expect(sum[key].quantileUs(0.95)).toBe(meter[key].quantileUs(0.95))
        }
        expect([...sum.failures]).toEqual([...meter.failures])
        expect([...sum.drops]).toEqual([...meter.drops])
        expect(sum.dispositions).toEqual(meter.dispositions)
        expect(sum.slices).toBe(meter.slices)
      }),
      { numRuns: 30 },
    )
  })
})

describe('the history of timings', () => {
  it('is written soon after the start, then every 10 s, and at the end, with nothing twice', async () => {
    const meter = new StageMeter()
    const recording = record(() => aPart([aNode(meter)]))
    addSlice(meter, sliceOf(5, 1_000 * startMs))
    await recording.clock.advance(2_000)
    expect((await reportOf(recording))[0]!.report.stages[0]!.n).toBe(5)
    addSlice(meter, sliceOf(7, 1_000 * startMs + 9e6))
    await recording.clock.advance(9_000)
    expect((await reportOf(recording))[0]!.report.stages[0]!.n).toBe(5)
    await recording.clock.advance(1_000)
    expect((await reportOf(recording))[0]!.report.stages[0]!.n).toBe(12)
    addSlice(meter, sliceOf(1, 1_000 * startMs + 13e6))
    await recording.stop()
    const [found] = await reportOf(recording)
    expect(found!.report.stages[0]).toMatchObject({ stage: 'clean', n: 13, tasks: 2 })
    expect(found).toMatchObject({ workers: 1, durationMs: 12_000 })
    expect(recording.notices).toEqual([])
  })

  it('says little while there is nothing to say', async () => {
    const recording = record(() => aPart([aNode(new StageMeter())]))
    await recording.clock.advance(182_000)
    const { timings } = await readTimings(recording.log.reader, { fromMs: 0, toMs: Infinity }, null)
    expect(timings).toHaveLength(4)
  })

  it('adds up several workers and restarts, and shows of hooks what it shows of records', async () => {
    const clock = new VirtualClock(startMs)
    const log = new MemoryLog({ clock })
    for (const worker of ['a', 'b', 'c']) {
      const meter = new StageMeter()
      const hook = new HookMeter('window_closed', 'log')
      const nowUs = clock.monotonicUs()
      addSlice(meter, sliceOf(4, nowUs))
      hook.queued(nowUs, 0)
      hook.started(nowUs, nowUs + 100, 1)
      hook.ended(nowUs, nowUs + 100, nowUs + 300)
      hook.delivered = 1
      const hooks = [{ stage: 'clean', meter: hook.toData() }]
      const outcome = worker === 'c' ? 'completed' : 'stopped'
      const recording = record(() => aPart([aNode(meter)], { hooks, outcome }), {
        clock,
        log,
        worker,
      })
      await clock.advance(5_000)
      await recording.stop()
      await clock.advance(3_600_000)
    }
    const [found] = await reportOf({ log, clock })
    expect(found).toMatchObject({ workers: 3, durationMs: 15_000 })
    expect(found!.report.outcome).toBe('completed')
    const [stage] = found!.report.stages
    expect(stage!.n).toBe(12)
    expect(stage!.hooks[0]).toMatchObject({ event: 'window_closed', n: 3, delivered: 3 })
    expect(stage!.hooks[0]!.T).toBeCloseTo(0.6, 6)
    expect(stage!.hooks[0]!.D).toBeCloseTo(0.3, 6)
    const { timings } = await readTimings(log.reader, { fromMs: null, toMs: Infinity }, null)
    expect(new Set(timings.map(({ worker }) => worker))).toEqual(new Set(['c']))
  })

  it('of a time is what was measured in it', async () => {
    const meter = new StageMeter()
    const recording = record(() => aPart([aNode(meter)]))
    for (let second = 0; second < 60; second += 10) {
      addSlice(meter, sliceOf(1, 1_000 * (startMs + 1_000 * second)))
      await recording.clock.advance(second === 0 ? 2_000 : 10_000)
    }
    await recording.stop()
    const between = async (from: number, to: number) => {
      const range = { fromMs: startMs + 1_000 * from, toMs: startMs + 1_000 * to }
      const { timings } = await readTimings(recording.log.reader, range, null)
      return mergeTimings(timings, Infinity)[0]?.report.stages[0]!.n ?? 0
    }
    expect((await between(0, 20)) + (await between(20, 100))).toBe(6)
    expect(await between(12, 32)).toBe(2)
    expect(await between(1_000, 2_000)).toBe(0)
  })
})

describe('a log that does not take timings', () => {
  it('costs a notice, no record, and what could not be written comes with the next ones', async () => {
    const clock = new VirtualClock(startMs)
    const memory = new MemoryLog({ clock })
    let isRefusing = true
    const log: Log = {
      reader: memory.reader,
      admin: memory.admin,
      close: () => memory.close(),
      openTask: (spec) =>
        isRefusing
          ? Promise.reject(new PipelineError('LOG_IO', 'not authorized'))
          : memory.openTask(spec),
    }
    const meter = new StageMeter()
    const recording = record(() => aPart([aNode(meter)]), { clock, log })
    addSlice(meter, sliceOf(3, 1_000 * startMs))
    await clock.advance(32_000)
    expect(recording.notices).toEqual([expect.stringContaining('not authorized') as string])
    isRefusing = false
    await recording.stop()
    expect((await reportOf(recording))[0]!.report.stages[0]!.n).toBe(3)
    expect(recording.notices).toHaveLength(1)
  })

  it.each([
    [2_000, 'of a run', false],
    [500, 'of one that has taken its time to stop', true],
  ])(
    'and never answers holds up for %i ms the end %s, which says how much is missing',
    async (ms, _of, isLate) => {
      const clock = new VirtualClock(startMs)
      const memory = new MemoryLog({ clock })
      const log: Log = {
        reader: memory.reader,
        admin: memory.admin,
        close: () => memory.close(),
        openTask: () => new Promise(() => {}),
      }
      const recording = record(() => aPart([aNode(new StageMeter())]), { clock, log })
      await clock.advance(42_000)
      let isStopped = false
      const stopping = recording.stop({ isLate }).then(() => (isStopped = true))
      await clock.advance(ms - 1)
      expect(isStopped).toBe(false)
      await clock.advance(1)
      await stopping
      expect(recording.notices).toEqual([
        expect.stringMatching(/misses the end.* 5 times/) as string,
      ])
    },
  )

  it('and must not make topics is left alone, with a word', async () => {
    const recording = record(() => aPart([aNode(new StageMeter())]), { creates: false })
    await recording.clock.advance(30_000)
    await recording.stop()
    expect(await recording.log.admin.describeTopics([timingsTopic])).toEqual([])
    expect(recording.notices).toEqual([expect.stringContaining(timingsTopic) as string])
  })
})

describe('what others wrote to the topic', () => {
  const good = JSON.parse(
    encodeTimings({ ...someTimings, node: aNode(new StageMeter()) }),
  ) as Record<string, unknown>

  it.each([
    ['no JSON', '{'],
    ['another kind of value', '[]'],
    ['another version', JSON.stringify({ ...good, v: 2 })],
    ['a span that ends before it begins', JSON.stringify({ ...good, to: 0 })],
    ['a name that is too long', JSON.stringify({ ...good, stage: 'x'.repeat(400) })],
    ['a name that redraws a terminal', JSON.stringify({ ...good, stage: 'x\u001b[2J' })],
    ['an event that there is not', JSON.stringify({ ...good, hooks: [{ event: 'constructor' }] })],
    ['numbers that are none', JSON.stringify({ ...good, lag: 'many' })],
  ])('is passed over: %s', (_what, text) => {
    expect(decodeTimings(text)).toBeNull()
  })

  it('is read where an older Millrace has left out a sum that it did not know', () => {
    const { committingUs, ...meter } = good['meter'] as Record<string, unknown>
    expect(committingUs).toBe(0)
    expect(decodeTimings(JSON.stringify({ ...good, meter }))!.node.meter.committingUs).toBe(0)
  })

  it('does no harm with names of the language and buckets that there are not', () => {
    const meter = {
      ...(good['meter'] as object),
      failures: [['__proto__', 3]],
      drops: [['constructor', 1]],
      run: { n: 3, sum: 9, max: 3, b: [5, 1, 99_999, 2, 1.5, 1] },
    }
    const timings = decodeTimings(JSON.stringify({ ...good, meter }))!
    const [found] = mergeTimings([timings], 0)
    const [stage] = found!.report.stages
    expect(Object.entries(stage!.reasons)).toEqual([
      ['constructor', 1],
      ['__proto__', 3],
    ])
    expect(({} as Record<string, unknown>)['3']).toBeUndefined()
    expect(Number.isFinite(stage!.t.p99)).toBe(true)
  })
})
