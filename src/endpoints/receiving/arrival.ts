import type { ServerResponse } from 'node:http'
import type { SourceInfo } from '../../core/step-record.ts'
import type { RecordBytes } from './cut-body.ts'

/** A request whose records wait to be stored, and then for its answer. */
export interface Arrival {
  readonly values: readonly (RecordBytes | null)[]
  /** As `encodeHeaders` makes them, of record `index`. */
  readonly headersOf: (index: number) => Uint8Array
  readonly bytes: number
  readonly info: () => SourceInfo
  /** When it was there as a whole. */
  readonly timestampMs: number
  readonly ingestUs: number
  /** The client's `Idempotency-Key` with the fingerprint of the body. */
  readonly key: { readonly name: string; readonly fingerprint: string } | null
  /** Of the client, and of those that sent the same once more meanwhile. */
  readonly responses: ServerResponse[]
  /** By record, under which its results are waited for; none where the answer is that it is stored. */
  readonly replyIds: readonly string[]
}
