import { PipelineError, type RecordErrorCode } from '../../core/errors.ts'
import type { ClientMessage } from '../clients/client.ts'
import { CsvSplitter, type CsvSettings } from '../formats/csv-splitter.ts'
import { ByteWindow } from '../reading/byte-window.ts'
import type { FrameInput, Framing } from './frame-input.ts'

export const frameFormats = ['json', 'ndjson', 'text', 'csv', 'bytes'] as const
export type FrameFormat = (typeof frameFormats)[number]

/** Makes messages of the frames of one client. */
export interface FrameDecoder {
  /**
   * Fills in the message for the frame at hand.
   * @returns `gap` where the frame is no message; `last` where nothing that follows can be read.
   */
  decode(input: FrameInput, message: ClientMessage): 'message' | 'gap' | 'last'
}

/** Frames as they are; blank ones are left out where they cannot be records. */
export class PlainDecoder implements FrameDecoder {
  readonly #framing: Framing
  readonly #skipsBlank: boolean

  constructor(framing: Framing, format: Exclude<FrameFormat, 'csv'>) {
    this.#framing = framing
    this.#skipsBlank = format === 'json' || format === 'ndjson'
  }

  decode(input: FrameInput, message: ClientMessage): 'message' | 'gap' | 'last' {
    if (input.isTooLong) return refuseLong(input, message, this.#framing)
    if (this.#skipsBlank && isBlank(input.frame)) return 'gap'
    message.value = input.frame
    message.failure = null
    return 'message'
  }
}

/** A row in each frame, as a JSON object of strings; the header is the first row of the connection. */
export class CsvDecoder implements FrameDecoder {
  readonly #framing: Framing
  readonly #splitter: CsvSplitter
  /** Holds one frame at a time. */
  readonly #window = new ByteWindow(1)

  constructor(framing: Framing, settings: CsvSettings) {
    this.#framing = framing
    this.#splitter = new CsvSplitter(settings)
    this.#window.ended = true
  }

  decode(input: FrameInput, message: ClientMessage): 'message' | 'gap' | 'last' {
    if (input.isTooLong) return refuseLong(input, message, this.#framing)
    if (isBlank(input.frame)) return 'gap'
    const window = this.#window
    window.bytes = input.frame
    window.start = 0
    window.generation += 1
    try {
      this.#splitter.find(window)
    } catch (thrown) {
      // A broken header, which only this client is to blame for.
      if (!(thrown instanceof PipelineError)) throw thrown
      return refuse(input, message, { failure: ['RECORD_DECODE', thrown.message], found: 'last' })
    }
    const { found } = this.#splitter
    if (found.kind === 'gap') return 'gap'
    if (found.kind === 'failure')
      return refuse(input, message, { failure: [found.code, found.message], found: 'message' })
    if (found.next < input.frame.length) {
      const failure = ['RECORD_DECODE', 'the frame holds more than one row'] as const
      return refuse(input, message, { failure, found: 'message' })
    }
    message.value = found.text ?? input.frame
    message.failure = null
    return 'message'
  }
}

function refuseLong(
  input: FrameInput,
  message: ClientMessage,
  framing: Framing,
): 'message' | 'last' {
  const text = `the frame is longer than max_frame (${framing.maxFrame} bytes); ${input.frame.length} bytes of it are kept`
  const found = framing.skipsLong ? 'message' : 'last'
  return refuse(input, message, { failure: ['RECORD_TOO_LARGE', text], found })
}

function refuse<Found extends 'message' | 'last'>(
  input: FrameInput,
  message: ClientMessage,
  why: { failure: readonly [code: RecordErrorCode, message: string]; found: Found },
): Found {
  const [code, text] = why.failure
  message.value = input.frame
  message.failure = { code, message: `message ${message.line}: ${text}` }
  return why.found
}

function isBlank(frame: Buffer): boolean {
  for (let at = 0; at < frame.length; at++) {
    const byte = frame[at]
    if (byte !== 32 && byte !== 9 && byte !== 13 && byte !== 10) return false
  }
  return true
}
