/** What the runtime measured of one committed slice; the arrays are valid during the call only. */
export interface CommittedSlice {
  readonly pipeline: string
  readonly stage: string
  readonly task: string
  readonly records: number
  /** By record: waiting before its steps, running in them, and when they ended (epoch µs). */
  readonly waitUs: Float64Array
  readonly runUs: Float64Array
  readonly endUs: Float64Array
  /** When the commit of the slice returned, epoch µs. */
  readonly committedUs: number
}

/** Where measurements go beside the run's own report. It must neither throw nor wait. */
export interface Telemetry {
  sliceCommitted(slice: CommittedSlice): void
}
