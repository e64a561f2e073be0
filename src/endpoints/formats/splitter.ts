import type { RecordErrorCode } from '../../core/errors.ts'
import type { ByteWindow } from '../reading/byte-window.ts'

/**
 * What a splitter found at the start of the window; one object per splitter, changed in place.
 * Indexes are into the bytes of the window as they were when it was found.
 */
export interface Found {
  /** A `gap` is consumed and gives nothing: a blank line, a comma between elements, a header row. */
  kind: 'record' | 'failure' | 'gap'
  /** The original bytes of the record. */
  start: number
  end: number
  /** Where to look for the following record. */
  next: number
  /** Line breaks up to `next`. */
  lines: number
  /** The record ended because the input did, not by a mark of its own: it may still grow. */
  isOpen: boolean
  /** The value, where it is not the original bytes. */
  text: string | null
  /** Of a failure. */
  code: RecordErrorCode
  message: string
  /** The splitter's state behind the record, for its position. */
  state: string
}

/** Cuts a stream of bytes into records without decoding them, whatever the chunks it comes in. */
export interface Splitter {
  readonly found: Found
  /**
   * Looks on for the record at the start of the window.
   * @returns false when the window must be filled first or, where the window has ended, when nothing
   *   is left; bytes already looked at are not looked at again.
   */
  find(window: ByteWindow): boolean
  /** The record is longer than allowed: only where it ends is still of interest. */
  skim(): void
  /**
   * While skimming: the bytes looked at are removed from the window.
   * @returns how many at its end have to stay: they may belong to the next record.
   */
  forget(): number
  /** Bytes at the end of the window that were looked at and are no part of a record yet; absent: none. */
  readonly ahead?: number
  /**
   * Whether a record that was open at the end of the input, and is now followed by its mark, was
   * whole when it was taken.
   */
  readonly takesOpenRecords: boolean
}

export function emptyFound(state: string): Found {
  return {
    kind: 'gap',
    start: 0,
    end: 0,
    next: 0,
    lines: 0,
    isOpen: false,
    text: null,
    code: 'RECORD_DECODE',
    message: '',
    state,
  }
}

export const newlineByte = 10
export const returnByte = 13
