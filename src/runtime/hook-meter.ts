import type { HookEventName } from '../core/hook.ts'
import { type Activity, addActivity } from './activity.ts'
import { type HistogramData, LatencyHistogram } from './latency-histogram.ts'

const sums = [
  'delivered',
  'failed',
  'timedOut',
  'dropped',
  'limited',
  'busyUs',
  'ahead',
  'alone',
  'backlogAreaUs',
  'backlogSpanUs',
] as const
export type HookSum = (typeof sums)[number]
export const hookSums: readonly HookSum[] = sums

/** A meter as plain data, for another process. */
export interface HookMeterData extends Activity, Readonly<Record<HookSum, number>> {
  readonly event: HookEventName
  readonly listener: string
  readonly parallel: number
  readonly run: HistogramData
  readonly wait: HistogramData
}

/** What one listener did with the events of one name. All but `dropped` have been given to it. */
export class HookMeter {
  readonly event: HookEventName
  readonly listener: string
  /** Handling an event, and waiting in the queue, of all that were given to the listener. */
  readonly run = new LatencyHistogram()
  readonly wait = new LatencyHistogram()
  delivered = 0
  failed = 0
  timedOut = 0
  dropped = 0
  /** More than the rate of the hook allows. */
  limited = 0
  /** Time between ends of calls while there was something to do, µs. */
  busyUs = 0
  /** Events ahead of another one when it came, added up, and those with none ahead. */
  ahead = 0
  alone = 0
  backlogAreaUs = 0
  backlogSpanUs = 0
  /** The most calls at the same time. */
  parallel = 1
  /** Epoch µs of the first and last call that has ended, and of the first and last event; NaN before. */
  firstUs = Number.NaN
  lastUs = Number.NaN
  firstArrivalUs = Number.NaN
  lastArrivalUs = Number.NaN
  #waiting = 0
  #changedUs = Number.NaN

  constructor(event: HookEventName, listener: string) {
    this.event = event
    this.listener = listener
  }

  /** An event has come. @param ahead of it, waiting or being handled. */
  queued(nowUs: number, ahead: number): void {
    this.ahead += ahead
    if (ahead === 0) this.alone += 1
    if (Number.isNaN(this.firstArrivalUs)) this.firstArrivalUs = nowUs
    this.lastArrivalUs = nowUs
    this.#change(nowUs, 1)
  }

  /** @param calls under way, this one included. */
  started(queuedUs: number, nowUs: number, calls: number): void {
    this.wait.add(nowUs - queuedUs)
    if (calls > this.parallel) this.parallel = calls
    this.#change(nowUs, -1)
  }

  ended(queuedUs: number, startedUs: number, nowUs: number): void {
    this.run.add(nowUs - startedUs)
    this.busyUs += nowUs - (this.lastUs > queuedUs ? this.lastUs : queuedUs)
    if (Number.isNaN(this.firstUs)) this.firstUs = nowUs
    this.lastUs = nowUs
  }

  /**
   * An event that was given to its listener until that had it, by a task that does so one at a time.
   * @param of.freeUs since when the task could turn to it. @param of.runUs of all attempts.
   */
  handled(
    of: {
      readonly queuedUs: number
      readonly freeUs: number
      readonly runUs: number
      readonly ahead: number
    },
    nowUs: number,
  ): void {
    const { queuedUs, freeUs, runUs, ahead } = of
    this.ahead += ahead
    if (ahead < 1) this.alone += 1
    if (!(this.firstArrivalUs <= queuedUs)) this.firstArrivalUs = queuedUs
    if (!(this.lastArrivalUs >= queuedUs)) this.lastArrivalUs = queuedUs
    this.wait.add(Math.max(0, nowUs - runUs - queuedUs))
    this.run.add(runUs)
    this.busyUs += nowUs - Math.max(freeUs, queuedUs)
    if (Number.isNaN(this.firstUs)) this.firstUs = nowUs
    this.lastUs = nowUs
  }

  /** An event that waited is given up. */
  abandoned(nowUs: number): void {
    this.#change(nowUs, -1)
  }

  toData(): HookMeterData {
    const data = Object.fromEntries(sums.map((sum) => [sum, this[sum]])) as Record<HookSum, number>
    const { event, listener, parallel, firstUs, lastUs, firstArrivalUs, lastArrivalUs } = this
    return {
      ...data,
      event,
      listener,
      parallel,
      firstUs,
      lastUs,
      firstArrivalUs,
      lastArrivalUs,
      run: this.run.toData(),
      wait: this.wait.toData(),
    }
  }

  addData(data: HookMeterData): void {
    this.run.addData(data.run)
    this.wait.addData(data.wait)
    for (const sum of sums) this[sum] += data[sum]
    this.parallel = Math.max(this.parallel, data.parallel)
    addActivity(this, data)
  }

  /** The mean number of waiting events, exactly: each change of it is seen. */
  #change(nowUs: number, by: number): void {
    const spanUs = nowUs - this.#changedUs
    if (spanUs > 0) {
      this.backlogAreaUs += spanUs * this.#waiting
      this.backlogSpanUs += spanUs
    }
    this.#changedUs = nowUs
    this.#waiting += by
  }
}
