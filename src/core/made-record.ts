import type { RecordFailure } from './errors.ts'
import type { JsonValue } from './json.ts'

export interface MadeRecord {
  readonly key: string | null
  readonly value: JsonValue
  readonly eventTimeMs: number
  /** As `encodeHeaders` makes them, of a record that was held back; none by default. */
  readonly headers?: Uint8Array
  /** Why the value is not whole: the record is dead-lettered as it stands, instead of handed on. */
  readonly failure?: RecordFailure
}
