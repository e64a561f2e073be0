import type { ClockInstant } from '../clock/system-clock.ts'
import type { WireError, WirePart, WireResult } from '../runtime/step-wire.ts'
import type { TraceRequest } from '../runtime/trace-request.ts'
import type { KnownTopics } from './load-topologies.ts'

/** From which a thread makes the topologies that the run has: they hold functions, which do not cross. */
export interface StepThreadData {
  readonly paths: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** As `--log` says. */
  readonly log: string | undefined
  readonly stored: KnownTopics
  /** By path, what the run has read: a file may have changed in the meantime. */
  readonly texts: readonly string[]
  /** One instant, by both clocks, so that all threads measure by the same one. */
  readonly instant: ClockInstant
}

export interface StepRequest {
  readonly ref: number
  readonly pipeline: string
  readonly node: string
  readonly taskIndex: number
  readonly pulledUs: number
  readonly limits: ReadonlyMap<string, number>
  readonly parts: readonly WirePart[]
  readonly trace: TraceRequest | null
}

export type StepResponse =
  | { readonly kind: 'ready' }
  | { readonly kind: 'unready'; readonly message: string }
  | { readonly kind: 'done'; readonly ref: number; readonly result: WireResult }
  | { readonly kind: 'failed'; readonly ref: number; readonly error: WireError }
  /** The thread has ended; said by the caller's end. */
  | { readonly kind: 'lost'; readonly how: string }
