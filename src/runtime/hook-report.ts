import type { HookEventName } from '../core/hook.ts'
import type { HookMeter } from './hook-meter.ts'
import { predict, type Prediction } from './queue-model.ts'
import { distribution, type Distribution, type ReportTime } from './distribution.ts'
import { arrivalRate, workRate } from './stage-queue.ts'

/** What one listener did with the events of one name: as of a stage's records, all times in ms. */
export interface HookReport {
  readonly event: HookEventName
  readonly listener: string
  /** Events that were given to the listener. */
  readonly n: number
  /** Handling of one event, and T = n * t. */
  readonly t: Distribution
  readonly T: number
  /** Waiting of one event for its turn, and D = s * n. */
  readonly s: Distribution
  readonly D: number
  readonly arrivalRate: number
  readonly serviceRate: number
  /** Share of the run, in all processes together, that the listener was at work; above 1 with parallel calls. */
  readonly utilisation: number
  readonly prediction: Prediction
  readonly delivered: number
  readonly failed: number
  readonly timedOut: number
  /** Events that the listener never got. */
  readonly dropped: number
  /** Events over the rate of the hook. */
  readonly limited: number
}

export function hookReport(
  meter: HookMeter,
  { durationMs, processes = 1 }: ReportTime,
): HookReport {
  const { event, listener, delivered, failed, timedOut, dropped, limited, run, wait } = meter
  const n = run.count
  const T = run.sumUs / 1_000
  const D = wait.sumUs / 1_000
  const busy = meter.busyUs / 1_000
  return {
    event,
    listener,
    n,
    t: distribution(run, { n, sumUs: run.sumUs }),
    T,
    s: distribution(wait, { n, sumUs: wait.sumUs }),
    D,
    arrivalRate: arrivalRate(meter),
    serviceRate: busy > 0 ? (1_000 * n) / busy : 0,
    utilisation: durationMs === 0 ? 0 : T / durationMs / processes,
    prediction: predict({
      what: 'events',
      n,
      s: n === 0 ? 0 : D / n,
      t: n === 0 ? 0 : T / n,
      busy,
      ahead: meter.ahead,
      departures: n,
      alone: meter.alone,
      early: 0,
      batch: 1,
      backoffShare: 0,
      skewed: 0,
      skew: 0,
      tasks: meter.parallel,
      lag: 0,
      backlog: meter.backlogSpanUs === 0 ? null : meter.backlogAreaUs / meter.backlogSpanUs,
      rate: workRate(meter),
    }),
    delivered,
    failed,
    timedOut,
    dropped,
    limited,
  }
}
