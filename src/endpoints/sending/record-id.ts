import { hash } from 'node:crypto'
import type { SinkOrigins } from '../../core/endpoints.ts'
import type { RecordBatch } from '../../core/record-batch.ts'

/** Longer ones become hashes: receivers keep them. */
const maxLength = 200
const hashLength = 32
const digits = 36

/**
 * An id that a record has each time it is written: the stage, and where the record came from with when that
 * was stored, since the offsets of a log that begins anew come again. A record that a step made is known by
 * what it is.
 */
export function recordId(
  batch: RecordBatch,
  index: number,
  origins: SinkOrigins | undefined,
): string {
  const stage = batch.writer.slice(0, batch.writer.lastIndexOf('/') + 1)
  const input = origins?.input(index) ?? null
  if (origins === undefined || input === null) return `${stage}${contentHash(batch, index)}`
  const ordinal = origins.ordinal(index)
  const part = ordinal === 0 ? '' : `.${ordinal}`
  const time = batch.timestampMs[index]!.toString(digits)
  const id = `${stage}${input}/${origins.offset(index)}${part}@${time}`
  return id.length <= maxLength ? id : shortHash(id)
}

/** Of records that are sent together. */
export function idOfMany(ids: readonly string[]): string {
  const [first = ''] = ids
  return ids.length === 1 ? first : `${ids.length}x${shortHash(ids.join('\n'))}`
}

function contentHash(batch: RecordBatch, index: number): string {
  const key = batch.key(index)
  const parts = [key === null ? 'null' : `${key.length}:`, key, `${batch.eventTimeMs[index]}:`]
  const bytes = [...parts, batch.value(index)].map((part) => Buffer.from(part ?? ''))
  return shortHash(Buffer.concat(bytes))
}

function shortHash(content: string | Buffer): string {
  return hash('sha256', content, 'hex').slice(0, hashLength)
}
