import type { RecordErrorCode } from '../../core/errors.ts'
import type { SourceInfo } from '../../core/step-record.ts'

/** A whole message of a client; one object per client, changed in place. */
export interface ClientMessage {
  /** The bytes that came, or other text that the record is to have. */
  value: Uint8Array | string
  /** Why it is no record; null: it is one. */
  failure: { readonly code: RecordErrorCode; readonly message: string } | null
  /** Messages of this client up to this one. */
  line: number
  /** When it came, epoch ms and µs. */
  arrivedMs: number
  arrivedUs: number
}

/** A peer that sends messages over a connection of its own, and is answered over it. */
export interface Client {
  /** What `source` is in expressions, for the message with this number. */
  info(line: number): SourceInfo
  /** Encoded headers of all its records. */
  readonly headers: Uint8Array
  /** The message at hand; null when none is whole, or none may be taken now. */
  look(): ClientMessage | null
  /** The message at hand has been taken: it will be settled. */
  consume(): void
  /**
   * The oldest message that was taken and not settled is stored.
   * @param answer sent with the next `flush`; null: none.
   */
  settle(answer: string | null): void
  flush(): void
}
