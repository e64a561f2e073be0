import { type Activity, addActivity } from './activity.ts'
import type { BacklogArea } from './backlog-area.ts'
import type { Departures } from './departures.ts'
import { type HistogramData, LatencyHistogram } from './latency-histogram.ts'
import { type OperationData, OperationMeter } from './operation-meter.ts'
import type { SliceStats } from './slice-stats.ts'
import { dispositions } from '../core/operator.ts'
import type { RecordBatch } from '../core/record-batch.ts'

const sums = [
  'queueUs',
  'batchUs',
  'backoffUs',
  'commitUs',
  'bytes',
  'made',
  'madeDeadLettered',
  'slices',
  'skewed',
  'joined',
  'sinkUs',
  'pausedUs',
  'blockedUs',
  'callsUs',
  'calledUs',
  'committingUs',
  'busyUs',
  'ahead',
  'aheadOf',
  'early',
  'alone',
  'backlogAreaUs',
  'backlogSpanUs',
] as const
export type MeterSum = (typeof sums)[number]
export const meterSums: readonly MeterSum[] = sums

/** A meter as plain data, for another process. */
export interface MeterData extends Activity, Readonly<Record<MeterSum, number>> {
  readonly run: HistogramData
  readonly wait: HistogramData
  readonly age?: HistogramData
  /** The history of reports keeps none of it. */
  readonly operations?: OperationData
  readonly dispositions: readonly number[]
  readonly failures: readonly (readonly [code: string, count: number])[]
  readonly drops: readonly (readonly [step: string, count: number])[]
  readonly skewUs: number
}

/** A batch of a slice, from the first record of it that belongs to the slice. */
export interface AgedPart {
  readonly batch: RecordBatch
  readonly from: number
}

/** All that was measured of one node since the run began; it counts what is committed. */
export class StageMeter {
  readonly run = new LatencyHistogram()
  readonly wait = new LatencyHistogram()
  /** Of records that left the pipeline here: the time since they came into it. */
  readonly age = new LatencyHistogram()
  readonly operations = new OperationMeter()
  readonly dispositions = new Float64Array(dispositions.length)
  readonly failures = new Map<string, number>()
  readonly drops = new Map<string, number>()
  queueUs = 0
  batchUs = 0
  backoffUs = 0
  commitUs = 0
  bytes = 0
  made = 0
  madeDeadLettered = 0
  slices = 0
  /** Records of a clock that is ahead of this one, and by how much at most, µs. */
  skewed = 0
  skewUs = 0
  /** Records whose queue holds the commit of their writer, which the log could not tell apart. */
  joined = 0
  /** By slice, µs: writing to the sink, pausing before the last try, and until the commit before returned. */
  sinkUs = 0
  pausedUs = 0
  callsUs = 0
  calledUs = 0
  blockedUs = 0
  /** From the end of a slice's steps to its commit, without what is counted above, µs. */
  committingUs = 0
  /** Time between departures while there was something to do, of all tasks together, µs. */
  busyUs = 0
  /** Records ahead of another one when it arrived: their sum, and over how many it goes. */
  ahead = 0
  aheadOf = 0
  /** Those that arrived before their task had begun, and those with nobody ahead of them. */
  early = 0
  alone = 0
  backlogAreaUs = 0
  backlogSpanUs = 0
  /** Epoch µs of the first and the last commit with records; NaN before. */
  firstUs = Number.NaN
  lastUs = Number.NaN
  /** Epoch µs of the first and the last arrival since the tasks began; NaN before. */
  firstArrivalUs = Number.NaN
  lastArrivalUs = Number.NaN

  /** Longest wait of a record in the slice added last, µs. */
  slowestUs = 0

  /**
   * @param committedUs when the commit of the slice returned.
   * @param departures of the task, for what was ahead of the records; noted here.
   */
  addSlice(stats: SliceStats, committedUs: number, departures?: Departures): void {
    this.slowestUs = 0
    const before = { waitUs: this.wait.sumUs, ahead: this.ahead }
    for (let index = 0; index < stats.records; index++) {
      const commitUs = committedUs - stats.endUs[index]!
      this.run.add(stats.runUs[index]!)
      const waitUs = stats.waitUs[index]! + commitUs
      this.wait.add(waitUs)
      if (waitUs > this.slowestUs) this.slowestUs = waitUs
      this.commitUs += commitUs
    }
    if (departures !== undefined && stats.records > 0) {
      this.#countAhead(stats, departures, committedUs)
      departures.note(stats.records, committedUs)
      const predictedUs = ((this.ahead - before.ahead) * this.busyUs) / this.aheadOf
      this.operations.waited(this.wait.sumUs - before.waitUs, predictedUs)
    }
    this.queueUs += stats.queueUs
    this.batchUs += stats.batchUs
    this.backoffUs += stats.backoffUs
    // A blocked sink keeps a slice between its steps and its commit; pauses of steps lie before their end.
    this.commitUs -= stats.pausedUs * stats.records
    this.bytes += stats.bytes
    this.made += stats.made
    this.operations.emitted(stats.windows)
    this.operations.cameBack(stats.replayed)
    this.madeDeadLettered += stats.madeDeadLettered
    this.skewed += stats.skewed
    this.skewUs = Math.max(this.skewUs, stats.skewUs)
    this.joined += stats.joined
    this.sinkUs += stats.sinkUs
    this.pausedUs += stats.pausedUs
    this.blockedUs += stats.blockedUs
    this.callsUs += stats.callsUs
    this.calledUs += stats.calledUs
    this.slices += 1
    for (let index = 0; index < dispositions.length; index++) {
      this.dispositions[index]! += stats.dispositions[index]!
    }
    addCounts(this.failures, stats.failures)
    addCounts(this.drops, stats.drops)
    if (stats.records === 0) return
    const stoodUs = stats.sinkUs + stats.pausedUs + stats.blockedUs
    this.committingUs += Math.max(0, committedUs - stats.endUs[stats.records - 1]! - stoodUs)
    if (Number.isNaN(this.firstUs)) this.firstUs = committedUs
    this.lastUs = committedUs
  }

  /** Notes records that a sink has taken. */
  addAges(parts: readonly AgedPart[], committedUs: number): void {
    for (const { batch, from } of parts) {
      for (let index = from; index < batch.count; index++)
        if (!batch.isMarker(index)) this.age.add(committedUs - batch.ingestUs[index]!)
    }
  }

  /** What a look at a task's backlog has shown. */
  addBacklog(area: BacklogArea): void {
    this.backlogAreaUs += area.areaUs
    this.backlogSpanUs += area.spanUs
    area.areaUs = 0
    area.spanUs = 0
  }

  toData(): MeterData {
    const data = Object.fromEntries(sums.map((sum) => [sum, this[sum]])) as Record<MeterSum, number>
    const { firstUs, lastUs, firstArrivalUs, lastArrivalUs, skewUs } = this
    return {
      ...data,
      firstUs,
      lastUs,
      firstArrivalUs,
      lastArrivalUs,
      skewUs,
      run: this.run.toData(),
      wait: this.wait.toData(),
      age: this.age.toData(),
      operations: this.operations.toData(),
      dispositions: [...this.dispositions],
      failures: [...this.failures],
      drops: [...this.drops],
    }
  }

  /** What another process measured of the same node; nothing is lost by it. */
  addData(data: MeterData): void {
    this.run.addData(data.run)
    this.wait.addData(data.wait)
    if (data.age !== undefined) this.age.addData(data.age)
    if (data.operations !== undefined) this.operations.addData(data.operations)
    for (const sum of sums) this[sum] += data[sum]
    for (const [index, count] of data.dispositions.entries()) this.dispositions[index]! += count
    addCounts(this.failures, data.failures)
    addCounts(this.drops, data.drops)
    addActivity(this, data)
    this.skewUs = Math.max(this.skewUs, data.skewUs)
  }

  /** Records of a part have arrived at the same time mostly: the search is done once for them. */
  #countAhead(stats: SliceStats, departures: Departures, committedUs: number): void {
    const { startedUs, total } = departures
    let arrivedUs = Number.NaN
    let gone = 0
    let firstUs = Number.POSITIVE_INFINITY
    for (let index = 0; index < stats.records; index++) {
      const us = stats.endUs[index]! - stats.runUs[index]! - stats.waitUs[index]!
      // Sums of floats: one time comes out with differences below a µs.
      if (!(Math.abs(us - arrivedUs) < 1)) {
        arrivedUs = us
        gone = departures.by(us)
        if (us < firstUs) firstUs = us
        if (us >= startedUs) this.#noteArrival(us)
      }
      if (us < startedUs) this.early += 1
      const ahead = total + index - gone
      this.ahead += ahead
      if (ahead < 1) this.alone += 1
    }
    this.aheadOf += stats.records
    this.busyUs += Math.max(0, committedUs - Math.max(departures.lastUs, firstUs))
  }

  #noteArrival(us: number): void {
    if (!(us >= this.firstArrivalUs)) this.firstArrivalUs = us
    if (!(us <= this.lastArrivalUs)) this.lastArrivalUs = us
  }
}

function addCounts(to: Map<string, number>, from: Iterable<readonly [string, number]>): void {
  for (const [name, count] of from) to.set(name, (to.get(name) ?? 0) + count)
}
