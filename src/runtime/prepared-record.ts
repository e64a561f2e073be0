import type { RecordFailure } from '../core/errors.ts'
import type { JsonValue } from '../core/json.ts'
import type { DropReason } from '../core/operator.ts'
import { StepRecord } from '../core/step-record.ts'
import type { StepAttempt } from '../core/telemetry.ts'

/** A record that has come through the steps of a node which wait for something outside. */
export class PreparedRecord {
  readonly record = new StepRecord()
  /** What it has become, in order. */
  values: JsonValue[] = []
  readonly drops: { readonly reason: DropReason; readonly step: string }[] = []
  failure: RecordFailure | null = null
  /** When its first step began, epoch µs; the time in steps, and between attempts, µs. */
  startUs = Number.NaN
  runUs = 0
  backoffUs = 0
  /** Of all calls about it; empty where nothing is traced and nothing was tried again. */
  readonly attempts: StepAttempt[] = []
  isRetried = false
  /** As `AsyncCall`. */
  traceparent: string | null = null
}

/** By part of the slice and index in its batch; none for a marker, or what the source refused. */
export type PreparedSlice = readonly (readonly (PreparedRecord | undefined)[])[]
