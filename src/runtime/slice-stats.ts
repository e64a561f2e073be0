import { dispositions } from '../core/operator.ts'

/** What one step of a task measured: per record the wait before its steps, the run, and when they ended. */
export class SliceStats {
  records = 0
  bytes = 0
  queueUs = 0
  batchUs = 0
  backoffUs = 0
  /** By record: all waiting up to the start of its steps, and the run, µs. */
  waitUs: Float64Array
  runUs: Float64Array
  /** By record: when its steps ended, epoch µs. */
  endUs: Float64Array
  readonly dispositions = new Float64Array(dispositions.length)
  /** Dead letters and skips by error code. */
  readonly failures = new Map<string, number>()
  /** Records that a step dropped, by step. */
  drops: ReadonlyMap<string, number> = new Map()
  /** Results of steps (window outputs) that were emitted, and that were dead-lettered. */
  made = 0
  madeDeadLettered = 0
  /** Of those emitted: windows. */
  windows = 0
  /** Dead letters that came back. */
  replayed = 0
  /** What was written to the output topic and is no record. */
  markers = 0
  /** Records that came from a clock which is ahead of this one, and by how much at most, µs. */
  skewed = 0
  skewUs = 0
  /** Records of which it is not known when they could first be read: their queue holds the writer's commit. */
  joined = 0
  /** Of the slice, µs: writing to the sink, pausing before the last try, and until the commit before returned. */
  sinkUs = 0
  pausedUs = 0
  blockedUs = 0
  /** Of the slice, µs: until all its calls of steps that wait were over; and the part of all runs up to there. */
  callsUs = 0
  calledUs = 0

  constructor(capacity: number) {
    this.waitUs = new Float64Array(capacity)
    this.runUs = new Float64Array(capacity)
    this.endUs = new Float64Array(capacity)
  }

  addSkewed(byUs: number): void {
    this.skewed += 1
    if (byUs > this.skewUs) this.skewUs = byUs
  }

  addFailure(code: string): void {
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1)
  }

  addRecord(waitUs: number, runUs: number, endUs: number): void {
    this.waitUs[this.records] = waitUs
    this.runUs[this.records] = runUs
    this.endUs[this.records] = endUs
    this.records += 1
  }
}
