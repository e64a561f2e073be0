import type { QueueFacts } from './queue-model.ts'
import type { StageMeter } from './stage-meter.ts'

/** What its meters say of the queue before a stage, for the model. @param of the stage, in ms. */
export function stageQueueFacts(
  meters: readonly StageMeter[],
  of: {
    readonly n: number
    readonly T: number
    readonly D: number
    readonly lag: number
    readonly tasks: number
  },
): QueueFacts {
  const sum = (numberOf: (meter: StageMeter) => number) =>
    meters.reduce((total, meter) => total + numberOf(meter), 0)
  const { n, T, D, lag } = of
  const tasks = Math.max(1, of.tasks)
  const slices = sum((meter) => meter.slices)
  const spanUs = sum((meter) => meter.backlogSpanUs)
  return {
    what: 'records',
    n,
    s: n === 0 ? 0 : D / n,
    t: n === 0 ? 0 : T / n,
    busy: sum((meter) => meter.busyUs) / 1_000,
    ahead: sum((meter) => meter.ahead),
    departures: sum((meter) => meter.aheadOf),
    alone: sum((meter) => meter.alone),
    early: sum((meter) => meter.early),
    batch: slices === 0 ? 0 : n / slices,
    backoffShare: D === 0 ? 0 : sum((meter) => meter.backoffUs) / 1_000 / D,
    skewed: sum((meter) => meter.skewed),
    skew: Math.max(...meters.map(({ skewUs }) => skewUs)) / 1_000,
    tasks,
    lag,
    backlog: spanUs === 0 ? null : (tasks * sum((meter) => meter.backlogAreaUs)) / spanUs,
    rate: workRate(meters[0]!),
  }
}

/** Records per second from the first to the last arrival; 0 where there was one moment only. */
export function arrivalRate(meter: Pick<StageMeter, 'firstArrivalUs' | 'lastArrivalUs' | 'run'>) {
  const us = meter.lastArrivalUs - meter.firstArrivalUs
  return us > 0 ? (1e6 * meter.run.count) / us : 0
}

/** Records per second from the first arrival to the last departure: what the backlog was looked at for. */
export function workRate(meter: Pick<StageMeter, 'firstArrivalUs' | 'lastUs' | 'run'>): number {
  const us = meter.lastUs - meter.firstArrivalUs
  return us > 0 ? (1e6 * meter.run.count) / us : 0
}
