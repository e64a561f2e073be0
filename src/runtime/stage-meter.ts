import { type HistogramData, LatencyHistogram } from './latency-histogram.ts'
import type { SliceStats } from './slice-stats.ts'
import { dispositions } from '../core/operator.ts'

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
] as const

/** A meter as plain data, for another process. */
export interface MeterData extends Readonly<Record<(typeof sums)[number], number>> {
  readonly run: HistogramData
  readonly wait: HistogramData
  readonly dispositions: readonly number[]
  readonly failures: readonly (readonly [code: string, count: number])[]
  readonly drops: readonly (readonly [step: string, count: number])[]
  readonly firstUs: number
  readonly lastUs: number
}

/** All that was measured of one node since the run began; it counts what is committed. */
export class StageMeter {
  readonly run = new LatencyHistogram()
  readonly wait = new LatencyHistogram()
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
  skewed = 0
  /** Epoch µs of the first and the last commit with records; NaN before. */
  firstUs = Number.NaN
  lastUs = Number.NaN

  /** Longest wait of a record in the slice added last, µs. */
  slowestUs = 0

  /** @param committedUs when the commit of the slice returned. */
  addSlice(stats: SliceStats, committedUs: number): void {
    this.slowestUs = 0
    for (let index = 0; index < stats.records; index++) {
      const commitUs = committedUs - stats.endUs[index]!
      this.run.add(stats.runUs[index]!)
      const waitUs = stats.waitUs[index]! + commitUs
      this.wait.add(waitUs)
      if (waitUs > this.slowestUs) this.slowestUs = waitUs
      this.commitUs += commitUs
    }
    this.queueUs += stats.queueUs
    this.batchUs += stats.batchUs
    this.backoffUs += stats.backoffUs
    // A blocked sink keeps a slice between its steps and its commit.
    this.commitUs -= stats.backoffUs
    this.bytes += stats.bytes
    this.made += stats.made
    this.madeDeadLettered += stats.madeDeadLettered
    this.skewed += stats.skewed
    this.slices += 1
    for (let index = 0; index < dispositions.length; index++) {
      this.dispositions[index]! += stats.dispositions[index]!
    }
    addCounts(this.failures, stats.failures)
    addCounts(this.drops, stats.drops)
    if (stats.records === 0) return
    if (Number.isNaN(this.firstUs)) this.firstUs = committedUs
    this.lastUs = committedUs
  }

  toData(): MeterData {
    const { queueUs, batchUs, backoffUs, commitUs, bytes } = this
    const { made, madeDeadLettered, slices, skewed, firstUs, lastUs } = this
    return {
      queueUs,
      batchUs,
      backoffUs,
      commitUs,
      bytes,
      made,
      madeDeadLettered,
      slices,
      skewed,
      firstUs,
      lastUs,
      run: this.run.toData(),
      wait: this.wait.toData(),
      dispositions: [...this.dispositions],
      failures: [...this.failures],
      drops: [...this.drops],
    }
  }

  /** What another process measured of the same node; nothing is lost by it. */
  addData(data: MeterData): void {
    this.run.addData(data.run)
    this.wait.addData(data.wait)
    for (const sum of sums) this[sum] += data[sum]
    for (const [index, count] of data.dispositions.entries()) this.dispositions[index]! += count
    addCounts(this.failures, data.failures)
    addCounts(this.drops, data.drops)
    this.firstUs = fromEither(Math.min, this.firstUs, data.firstUs)
    this.lastUs = fromEither(Math.max, this.lastUs, data.lastUs)
  }
}

/** NaN says that there is none. */
function fromEither(choose: typeof Math.min, left: number, right: number): number {
  if (Number.isNaN(left)) return right
  return Number.isNaN(right) ? left : choose(left, right)
}

function addCounts(to: Map<string, number>, from: Iterable<readonly [string, number]>): void {
  for (const [name, count] of from) to.set(name, (to.get(name) ?? 0) + count)
}
