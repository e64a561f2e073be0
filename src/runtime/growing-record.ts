import type { RecordTimes } from '../core/record-batch-builder.ts'
import { emptyBytes } from '../core/record-batch.ts'
import type { InputPart } from './slice.ts'

/** The record that a stage is about to write: one object, filled anew for each. */
export class GrowingRecord {
  key: Uint8Array | string | null = null
  value: Uint8Array | string | null = null
  headers: Uint8Array = emptyBytes
  marker = false
  readonly times: RecordTimes = {
    timestampMs: 0,
    eventTimeMs: Number.NaN,
    ingestUs: 0,
    waitUs: 0,
    runUs: 0,
  }

  /** The times with which a record of the input came. */
  timeAsRead({ batch }: InputPart, index: number, eventTimeMs: number): void {
    const { times } = this
    times.timestampMs = batch.timestampMs[index]!
    times.eventTimeMs = eventTimeMs
    times.ingestUs = batch.ingestUs[index]!
    times.waitUs = batch.waitUs[index]!
    times.runUs = batch.runUs[index]!
  }

  /** The times of what comes into being now. */
  timeAsMade(now: { readonly ms: number; readonly us: number }, eventTimeMs: number): void {
    const { times } = this
    times.timestampMs = now.ms
    times.eventTimeMs = eventTimeMs
    times.ingestUs = now.us
    times.waitUs = 0
    times.runUs = 0
  }
}
