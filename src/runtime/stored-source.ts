import { decodeJson, encodeJson, isJsonObject } from '../core/json.ts'
import { appendHeaders, withoutLastHeader, type RecordBatch } from '../core/record-batch.ts'
import type { SourceInfo } from '../core/step-record.ts'
import type { InputPart } from './slice.ts'

/**
 * Where a record came into the pipeline, as JSON: on the topics between a source and the steps of its own stage,
 * as the last header, where those steps ask for it. They take it off again.
 */
const sourceHeader = 'millrace-source'

export function withSource(headers: Uint8Array, info: SourceInfo): Uint8Array {
  return appendHeaders(headers, [[sourceHeader, encodeJson(info)]])
}

export function withoutSource(headers: Uint8Array): Uint8Array {
  return withoutLastHeader(headers, sourceHeader)
}

/** The part with where its records came into the pipeline, read when it is asked for. */
export function withStoredSource(part: InputPart): InputPart {
  const { batch, origin } = part
  return { ...part, origin: { ...origin, source: (index) => storedSource(batch, index) } }
}

/** Nothing is known of a record that was stored before its stage asked for it. */
function storedSource(batch: RecordBatch, index: number): SourceInfo {
  const last = batch.headers(index).at(-1)
  if (last === undefined || last[0] !== sourceHeader) return {}
  const info = decodeJson(Buffer.from(last[1]).toString('utf8'))
  return isJsonObject(info) ? info : {}
}
