import { describe, expect, it } from 'vitest'
import { Departures } from '../../src/runtime/departures.ts'
import { HookRunner } from '../../src/runtime/hook-runner.ts'
import { hookReport } from '../../src/runtime/hook-report.ts'
import { predict, type QueueFacts } from '../../src/runtime/queue-model.ts'
import { SliceStats } from '../../src/runtime/slice-stats.ts'
import { StageMeter } from '../../src/runtime/stage-meter.ts'
import { stageReport } from '../../src/runtime/run-report.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'

const facts: QueueFacts = {
  what: 'records',
  n: 1_000,
  s: 100,
  t: 1,
  busy: 10_000,
  ahead: 10_000,
  departures: 1_000,
  alone: 0,
  early: 0,
  batch: 1,
  backoffShare: 0,
  skewed: 0,
  skew: 0,
  tasks: 1,
  lag: 0,
  backlog: 20,
  rate: 200,
}

describe('what the model predicts', () => {
  it('is records ahead times service time, and arrival rate times waiting time', () => {
    expect(predict(facts)).toEqual({
      serviceTime: 10,
      ahead: 10,
      wait: { predicted: 100, measured: 100, residualPercent: 0 },
      backlog: { predicted: 20, measured: 20, residualPercent: 0 },
      notes: [],
    })
  })

  it.each<[string, Partial<QueueFacts>, RegExp]>([
    ['batches', { s: 210, batch: 20, backlog: 42 }, /committed some 20 at a time/],
    ['pauses', { s: 300, backoffShare: 0.6, backlog: 60 }, /60 % of the waiting is pauses/],
    [
      'nobody ahead',
      { s: 5, ahead: 0, alone: 900, backlog: 1 },
      /90 % of the records found none ahead/,
    ],
    [
      'an old backlog',
      { s: 5_000, early: 300, backlog: 1_000 },
      /30 % .* before the stage began to work/,
    ],
    ['several tasks', { s: 150, tasks: 4, backlog: 30 }, /4 tasks go on side by side/],
    [
      'few records',
      { s: 300, n: 9, departures: 9, busy: 90, ahead: 90, backlog: null },
      /9 records are too few/,
    ],
    ['a growing backlog', { backlog: 80, lag: 500 }, /not steady: 500 records wait at the end/],
    ['a clock that is ahead', { skewed: 3, skew: 12.25 }, /3 records .* by up to 12\.3 ms/],
    ['something else', { s: 200, backlog: 40 }, /the time between departures varies/],
  ])('comes with a sentence when it does not hold: %s', (_name, changes, sentence) => {
    const { notes } = predict({ ...facts, ...changes })
    expect(notes.join('; ')).toMatch(sentence)
    expect(notes.length).toBeLessThanOrEqual(3)
  })

  it('is nothing, and no NaN, where nothing is known', () => {
    const nothing = {
      ...facts,
      n: 0,
      s: 0,
      t: 0,
      busy: 0,
      ahead: 0,
      departures: 0,
      backlog: null,
      rate: 0,
    }
    const unknown = { predicted: null, measured: null, residualPercent: null }
    expect(predict(nothing)).toMatchObject({
      serviceTime: null,
      ahead: null,
      wait: unknown,
      backlog: unknown,
    })
  })
})

describe('a stage with one record at a time', () => {
  it('waits as the model says, record by record', () => {
    const meter = new StageMeter()
    const departures = new Departures(0)
    // One arrives each ms and takes two: the k-th waits until k others have left.
    for (let k = 0; k < 200; k++) {
      const stats = new SliceStats(1)
      const arrivedUs = 1_000 * k
      const startUs = Math.max(arrivedUs, 2_000 * k)
      stats.addRecord(startUs - arrivedUs, 2_000, startUs + 2_000)
      meter.addSlice(stats, startUs + 2_000, departures)
    }
    const part = {
      phase: 'ended',
      role: 'cleaning',
      tasks: 1,
      tasksRun: ['a'],
      meter,
      lag: 0,
    } as const
    const { prediction, arrivalRate, serviceRate, busyShare } = stageReport('s', [part], {
      durationMs: 400,
    })
    expect(prediction.serviceTime).toBeCloseTo(2, 6)
    expect(prediction.ahead).toBeGreaterThan(45)
    expect(Math.abs(prediction.wait.residualPercent!)).toBeLessThan(5)
    expect(arrivalRate).toBeCloseTo(1_005, -1)
    expect(serviceRate).toBeCloseTo(500, 6)
    expect(busyShare).toBeCloseTo(1, 2)
  })

  it('knows who had left by when, also long ago', () => {
    const departures = new Departures(5)
    expect([departures.by(100), departures.lastUs]).toEqual([0, 5])
    for (let k = 1; k <= 10_000; k++) departures.note(1, 10 * k)
    expect(departures.total).toBe(10_000)
    for (const us of [1_000, 50_000, 99_990])
      expect(departures.by(us) / (us / 10)).toBeCloseTo(1, 1)
    expect(departures.by(1e9)).toBe(10_000)
  })
})

describe('events of hooks', () => {
  it('have n, t, T, s, D, rates and a prediction as records have', async () => {
    const clock = new VirtualClock()
    const runner = new HookRunner({
      stage: 'clean',
      clock,
      onProblem: () => {},
      hooks: [
        {
          on: ['record_failed'],
          when: null,
          name: 'slow',
          listener: { notify: () => clock.sleep(40) },
        },
      ],
    })
    for (let n = 0; n < 80; n++) {
      runner.publish({
        id: `e${n}`,
        event: 'record_failed',
        pipeline: 'p',
        stage: 'clean',
        timeMs: 0,
        data: {},
        value: null,
      })
    }
    await clock.advance(2_000)
    await runner.close(0)
    const [report] = runner.meters.map((meter) => hookReport(meter, { durationMs: 2_000 }))
    // Eight at a time, 40 ms each: the last ones of eighty wait for nine rounds.
    expect(report).toMatchObject({ n: 80, delivered: 80, failed: 0, dropped: 0, listener: 'slow' })
    expect(report!.t.mean).toBeCloseTo(40, 6)
    expect(report!.T).toBeCloseTo(80 * 40, 6)
    expect(report!.s.mean).toBeCloseTo(180, 6)
    expect(report!.D).toBeCloseTo(80 * 180, 6)
    expect(report!.prediction.serviceTime).toBeCloseTo(5, 6)
    expect(report!.prediction.ahead).toBeCloseTo(39.5, 6)
    expect(Math.abs(report!.prediction.wait.residualPercent!)).toBeLessThan(20)
    expect(report!.utilisation).toBeCloseTo(1.6, 6)
    expect(report!.prediction.backlog.measured).toBeGreaterThan(30)
  })
})
