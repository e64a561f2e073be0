import type { SliceTraces } from '../core/telemetry.ts'

/** What the step is to trace of a slice: decided where the clock and the limits are, before it runs. */
export interface TraceRequest {
  /** Places of the records that begin a trace, ascending. Places count all records of the slice's parts. */
  readonly picks: readonly number[]
  /** Spans that may be made, of whatever reason; the last record may exceed it by its results. */
  readonly budget: number
  /** Records that may be traced because they failed or were slow. */
  readonly faults: number
  /** Above these a record is slow, µs; Infinity: none is. */
  readonly slowWaitUs: number
  readonly slowRunUs: number
}

/** `wait` and `process`: every traced record has them, and one more for each time it is sent. */
export const spansBeforeSend = 2

/** Each record of a slice of parts, with the place where its parts' records begin. */
export function placesOf(parts: readonly { batch: { count: number }; from: number }[]): number[] {
  let at = 0
  return parts.map(({ batch, from }) => {
    const start = at
    at += batch.count - from
    return start
  })
}

export function noTraces(): SliceTraces {
  return { records: [], emits: [], leftOut: 0 }
}

/** Of a key or value, as ids are made of it: a letter for each byte. */
export function textOf(part: string | Uint8Array | null): string {
  if (part === null || typeof part === 'string') return part ?? ''
  return Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('latin1')
}
