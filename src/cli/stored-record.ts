import { isUtf8 } from 'node:buffer'
import type { LogReader, SliceBatch, TopicDescription, TopicPartition } from '../core/log.ts'
import { nullHeaderValue, type Header } from '../core/record-batch.ts'
import { printableLine } from './printable.ts'

/** One record as it lies in a topic, with bytes of its own. */
export interface StoredRecord extends TopicPartition {
  readonly offset: bigint
  readonly timestampMs: number
  /** NaN where none is known. */
  readonly eventTimeMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly Header[]
  readonly isMarker: boolean
}

/** Read at once; a larger single batch is read all the same. */
const chunkBytes = 1024 * 1024
const shownBytes = 24

/** The stored batches of a partition from an offset up to another. */
export async function* readBatches(
  reader: LogReader,
  { topic, partition, from, to }: TopicPartition & { from: bigint; to: bigint },
): AsyncGenerator<SliceBatch> {
  let offset = from
  while (offset < to) {
    const batches = await reader.read({ topic, partition, offset }, chunkBytes)
    if (batches.length === 0) return
    yield* batches
    offset = batches.at(-1)!.next
  }
}

/** The records of a batch from its first unread one on, below an offset; of those, the chosen ones. */
export function* recordsOf(
  slice: SliceBatch,
  to: bigint,
  isChosen: (slice: SliceBatch, index: number) => boolean = () => true,
): Generator<StoredRecord> {
  for (let index = slice.from; index < slice.batch.count; index++) {
    if (offsetOf(slice, index) >= to) return
    if (isChosen(slice, index)) yield recordAt(slice, index)
  }
}

function offsetOf({ baseOffset, batch }: SliceBatch, index: number): bigint {
  return baseOffset + BigInt(batch.offsetDelta[index]!)
}

export function recordAt(slice: SliceBatch, index: number): StoredRecord {
  const { topic, partition, batch } = slice
  return {
    topic,
    partition,
    offset: offsetOf(slice, index),
    timestampMs: batch.timestampMs[index]!,
    eventTimeMs: batch.eventTimeMs[index]!,
    key: copyOf(batch.key(index)),
    value: copyOf(batch.value(index)),
    headers: batch.headers(index).map(([name, value]) => [name, copyOfHeader(value)] as const),
    isMarker: batch.isMarker(index),
  }
}

function copyOf(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : Uint8Array.from(bytes)
}

/** One that is null stays so. */
function copyOfHeader(value: Uint8Array): Uint8Array {
  return value === nullHeaderValue ? value : Uint8Array.from(value)
}

/** Bytes for people: text as it is, anything else as its length and first bytes. */
export function bytesText(bytes: Uint8Array | null): string {
  if (bytes === null || bytes === nullHeaderValue) return '(null)'
  if (isUtf8(bytes)) return printableLine(Buffer.from(bytes).toString('utf8'))
  const start = Buffer.from(bytes.subarray(0, shownBytes)).toString('hex')
  return `(${bytes.length} bytes, no text: ${start}${bytes.length > shownBytes ? '...' : ''})`
}

/**
 * The record as one line of JSON, every byte of it. A value that is JSON stands there as it is; other
 * text stands under `value_text`, and what is no UTF-8 under `..._base64`.
 */
export function recordJson(record: StoredRecord): string {
  const { value } = record
  const text = value !== null && isUtf8(value) ? Buffer.from(value).toString('utf8') : null
  const facts = JSON.stringify(factsOf(record)).slice(0, -1)
  if (text === null) {
    const rest =
      value === null ? { value: null, tombstone: !record.isMarker } : exactBytes('value', value)
    return `${facts},${JSON.stringify(rest).slice(1)}`
  }
  return `${facts},${isJsonLine(text) ? `"value":${text}` : `"value_text":${JSON.stringify(text)}`}}`
}

/** JSON that goes on one line as it is. */
function isJsonLine(text: string): boolean {
  if (/[\r\n]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function factsOf(record: StoredRecord): Record<string, unknown> {
  return {
    topic: record.topic,
    partition: record.partition,
    offset: Number(record.offset),
    timestamp: timeText(record.timestampMs),
    event_time: timeText(record.eventTimeMs),
    ...(record.isMarker ? { marker: true } : {}),
    ...exactBytes('key', record.key),
    headers: record.headers.map(([name, value]) => ({ name, ...exactBytes('value', value) })),
  }
}

function exactBytes(name: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null || bytes === nullHeaderValue) return { [name]: null }
  const buffer = Buffer.from(bytes)
  return isUtf8(bytes)
    ? { [name]: buffer.toString('utf8') }
    : { [`${name}_base64`]: buffer.toString('base64') }
}

const maxDateMs = 8.64e15

/** ISO 8601, UTC; null where there is none. */
export function timeText(epochMs: number): string | null {
  return Math.abs(epochMs) <= maxDateMs ? new Date(epochMs).toISOString() : null
}

export async function findTopic(
  reader: LogReader,
  name: string,
): Promise<TopicDescription | undefined> {
  return (await reader.topics()).find((topic) => topic.name === name)
}
