import type { RecordFailure } from '../core/errors.ts'
import { appendHeaders, emptyBytes, type WrittenHeader } from '../core/record-batch.ts'
import { type TraceContext, traceContextOf, withTraceContext } from '../core/trace-context.ts'

export interface DeadLetterOrigin {
  readonly stage: string
  readonly topic: string | null
  readonly partition: number
  readonly offset: number | null
  /** How often it was written back before; 0 where it never was. */
  readonly replays?: number
  /** Whether the record is a result that a step made, with no input of its own. */
  readonly isMade?: boolean
  /** Replaces secrets in a text. */
  readonly mask: (text: string) => string
}

/** What of a record goes into a topic; headers as `encodeHeaders` makes them. */
export interface RecordContent {
  readonly key: Uint8Array | string | null
  readonly value: Uint8Array | string | null
  readonly headers: Uint8Array
}

export interface DeadLetterFrame {
  /** Of key, value and headers together. */
  readonly maxBytes: number
  /** Takes the place of the one in the original headers; null: those stay as they are. */
  readonly context: TraceContext | null
}

type Fact = readonly [name: string, value: string | null]

const maxMessageLength = 1_000
const messageHeader = 'millrace-dlq-message'

type Part = keyof RecordContent | 'message' | 'context'

/** What a topic that is too small for a dead letter does without, from the least to all of it. */
const cuts: readonly (readonly Part[])[] = [
  [],
  ['value'],
  ['value', 'headers'],
  ['value', 'headers', 'key'],
  ['value', 'headers', 'key', 'message'],
  ['value', 'headers', 'key', 'message', 'context'],
]

/**
 * The original record with, behind its headers, its trace, and why and where it failed. Where that is larger
 * than `maxBytes`, parts of it are left out and named in `millrace-dlq-omitted`, with their sizes.
 * @returns null when not even why and where it failed has room.
 */
export function deadLetter(
  original: RecordContent,
  failure: RecordFailure,
  { maxBytes, context, ...origin }: DeadLetterOrigin & DeadLetterFrame,
): RecordContent | null {
  const facts = factsOf(failure, origin)
  for (const cut of cuts) {
    const letter = withoutParts({ ...original, context }, facts, cut)
    if (contentBytes(letter) <= maxBytes) return letter
  }
  return null
}

/** Bytes of key, value and headers together. */
export function contentBytes({ key, value, headers }: RecordContent): number {
  return bytesOf(key) + bytesOf(value) + headers.length
}

/** The original headers and, behind them, where the late record came from. */
export function lateHeaders(
  original: Uint8Array,
  origin: Pick<DeadLetterOrigin, 'stage' | 'topic' | 'partition' | 'offset'>,
): Uint8Array {
  return appendHeaders(
    original,
    present([['millrace-late-stage', origin.stage], ...originFacts('millrace-late', origin)]),
  )
}

function factsOf(failure: RecordFailure, origin: DeadLetterOrigin): readonly Fact[] {
  return [
    ['millrace-dlq-stage', origin.stage],
    ['millrace-dlq-step', failure.step],
    ['millrace-dlq-code', failure.code],
    [messageHeader, origin.mask(failure.message).slice(0, maxMessageLength)],
    ['millrace-dlq-attempts', String(failure.attempts)],
    ['millrace-dlq-replays', origin.replays === undefined ? null : String(origin.replays)],
    ['millrace-dlq-made', origin.isMade === true ? 'true' : null],
    ...originFacts('millrace-dlq', origin),
  ]
}

function withoutParts(
  original: RecordContent & Pick<DeadLetterFrame, 'context'>,
  facts: readonly Fact[],
  cut: (typeof cuts)[number],
): RecordContent {
  const { key, value, headers } = original
  const isOut = (part: Part) => cut.includes(part)
  const omitted = (['value', 'headers', 'key'] as const).filter(
    (part) => isOut(part) && bytesOf(original[part]) > 0,
  )
  const sizes = omitted.map((part) => `${part} (${bytesOf(original[part])} bytes)`)
  const told = isOut('message') ? facts.filter(([name]) => name !== messageHeader) : facts
  const all: readonly Fact[] = [
    ...told,
    ['millrace-dlq-omitted', sizes.length === 0 ? null : sizes.join(', ')],
  ]
  const kept = isOut('headers') ? emptyBytes : headers
  // The trace is worth more than the headers that it came with.
  const context = original.context ?? (isOut('headers') ? traceContextOf(headers) : null)
  const traced = context === null || isOut('context') ? kept : withTraceContext(kept, context)
  return {
    key: isOut('key') ? null : key,
    value: isOut('value') ? null : value,
    headers: appendHeaders(traced, present(all)),
  }
}

function bytesOf(part: Uint8Array | string | null): number {
  return part === null ? 0 : typeof part === 'string' ? Buffer.byteLength(part) : part.length
}

function originFacts(
  prefix: string,
  origin: Pick<DeadLetterOrigin, 'topic' | 'partition' | 'offset'>,
): readonly Fact[] {
  if (origin.topic === null) return []
  return [
    [`${prefix}-topic`, origin.topic],
    [`${prefix}-partition`, String(origin.partition)],
    [`${prefix}-offset`, origin.offset === null ? null : String(origin.offset)],
  ]
}

function present(facts: readonly Fact[]): WrittenHeader[] {
  return facts.filter((fact): fact is [string, string] => fact[1] !== null)
}
