import type { SliceBatch } from '../core/log.ts'
import { firstHeaders } from '../core/record-batch.ts'
import { failedAtMs } from './dead-letters.ts'

/** A dead letter with what it takes to write it back. */
export interface ReplayedLetter {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly stage: string
  readonly code: string
  readonly failedAtMs: number
  /** How often it was written back before. */
  readonly replays: number
  /** Whether a step made it. */
  readonly isMade: boolean
  /** Whether parts of it had no room. */
  readonly isCut: boolean
  /** Where the record lay; null where it came from a source, or was made. */
  readonly origin: {
    readonly topic: string
    readonly partition: number
    readonly offset: number
  } | null
  readonly key: Uint8Array | null
  readonly slice: SliceBatch
  readonly index: number
  /** Of its headers, so many are the record's own. */
  readonly ownHeaders: number
}

const prefix = 'millrace-dlq-'

/** null: the record is no dead letter. */
export function replayedLetter(slice: SliceBatch, index: number): ReplayedLetter | null {
  const headers = slice.batch.headers(index)
  // A record that was read from a topic of dead letters has such headers twice: its own come first.
  const own = headers.findLastIndex(([name]) => name === `${prefix}stage`)
  if (own === -1) return null
  const facts = new Map(
    headers
      .slice(own)
      .map(([name, value]) => [name.slice(prefix.length), Buffer.from(value).toString('utf8')]),
  )
  const topic = facts.get('topic')
  return {
    topic: slice.topic,
    partition: slice.partition,
    offset: slice.baseOffset + BigInt(slice.batch.offsetDelta[index]!),
    stage: facts.get('stage')!,
    code: facts.get('code') ?? '?',
    failedAtMs: failedAtMs(slice, index),
    replays: wholeOr(facts.get('replays'), 0),
    isMade: facts.has('made'),
    isCut: facts.has('omitted'),
    origin:
      topic === undefined
        ? null
        : {
            topic,
            partition: wholeOr(facts.get('partition'), slice.partition),
            offset: wholeOr(facts.get('offset'), 0),
          },
    key: slice.batch.key(index),
    slice,
    index,
    ownHeaders: own,
  }
}

/** The headers that the record had when it failed, with the trace in which it did. */
export function ownHeadersOf({ slice, index, ownHeaders }: ReplayedLetter): Uint8Array {
  return firstHeaders(slice.batch.headerBytes(index), ownHeaders)
}

function wholeOr(text: string | undefined, fallback: number): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : fallback
}
