import { encodeJson, isJsonObject, decodeJson, type JsonValue } from '../core/json.ts'
import type { SliceBatch } from '../core/log.ts'
import { traceContextOf } from '../core/trace-context.ts'
import { traceIdOf } from '../core/trace-ids.ts'
import { recordAt, type StoredRecord } from './stored-record.ts'

/** A record in a topic with all that the log knows of its time. */
export interface LoggedRecord extends StoredRecord {
  readonly writer: string
  /** Times in epoch µs, spans in µs. */
  readonly ingestUs: number
  readonly waitUs: number
  readonly runUs: number
  /** When its steps had ended; NaN for a record that no stage has measured. */
  readonly leftUs: number
  /** When it could be read; NaN where that is not known. */
  readonly visibleUs: number
  /** As its headers say; null where they say none. */
  readonly traceId: string | null
}

/** Facts that a value is compared by; more of them say no more. */
const maxFacts = 200

export function loggedRecord(slice: SliceBatch, index: number): LoggedRecord {
  const { batch, visibleUs } = slice
  const ingestUs = batch.ingestUs[index]!
  const waitUs = batch.waitUs[index]!
  const runUs = batch.runUs[index]!
  return {
    ...recordAt(slice, index),
    writer: batch.writer,
    ingestUs,
    waitUs,
    runUs,
    leftUs: ingestUs + waitUs + runUs,
    visibleUs,
    traceId: traceContextOf(batch.headerBytes(index))?.traceId ?? null,
  }
}

/** The trace id that a record gets when it has to be traced and has none. */
export function derivedTraceId({ topic, partition, offset, ingestUs }: LoggedRecord): string {
  return traceIdOf(topic, partition, offset, ingestUs)
}

/** Of a header, the last of that name, as text. */
export function headerText({ headers }: LoggedRecord, name: string): string | null {
  const found = headers.findLast(([other]) => other === name)
  return found === undefined ? null : Buffer.from(found[1]).toString('utf8')
}

export function sameBytes(left: Uint8Array | null, right: Uint8Array | null): boolean {
  return left === null || right === null ? left === right : Buffer.compare(left, right) === 0
}

/** How much of one record is found in another: fields with the same value, and the key. */
export class Likeness {
  readonly #record: LoggedRecord
  readonly #facts: ReadonlySet<string>

  constructor(record: LoggedRecord) {
    this.#record = record
    this.#facts = factsOf(record.value)
  }

  to(other: LoggedRecord): number {
    const key = this.#record.key !== null && sameBytes(this.#record.key, other.key) ? 1 : 0
    if (sameBytes(this.#record.value, other.value)) return maxFacts + key
    let same = 0
    for (const fact of factsOf(other.value)) if (this.#facts.has(fact)) same += 1
    return same + key
  }
}

/** Fields of a JSON value with what stands in them, letters in one case and without space around. */
function factsOf(bytes: Uint8Array | null): Set<string> {
  const facts = new Set<string>()
  const value = decodedOrNull(bytes)
  const add = (path: string, item: JsonValue): void => {
    if (facts.size >= maxFacts) return
    if (Array.isArray(item)) item.forEach((each, index) => add(`${path}.${index}`, each))
    else if (isJsonObject(item)) {
      for (const [name, each] of Object.entries(item)) add(`${path}.${name}`, each)
    } else facts.add(`${path}=${plain(item)}`)
  }
  add('', value)
  return facts
}

function plain(item: JsonValue): string {
  const text = typeof item === 'string' ? item : encodeJson(item)
  return text.trim().toLowerCase()
}

export function decodedOrNull(bytes: Uint8Array | null): JsonValue {
  try {
    return bytes === null ? null : decodeJson(Buffer.from(bytes).toString('utf8'))
  } catch {
    return null
  }
}
