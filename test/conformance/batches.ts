import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { encodeHeaders, type Header, type RecordBatch } from '../../src/core/record-batch.ts'
import type { SliceBatch } from '../../src/core/log.ts'

export interface TestRecord {
  readonly key?: Uint8Array | string | null
  readonly value?: Uint8Array | string | null
  readonly headers?: readonly Header[]
  readonly timestampMs?: number
  readonly eventTimeMs?: number
  readonly marker?: boolean
}

export function batchOf(records: readonly TestRecord[], writer = 'writer'): RecordBatch {
  const builder = new RecordBatchBuilder(writer)
  for (const [index, record] of records.entries()) {
    const { key = null, value = null, headers = [], timestampMs = 0, eventTimeMs = NaN } = record
    builder.append({
      key,
      value,
      headers: encodeHeaders(headers),
      times: { timestampMs, eventTimeMs, ingestUs: index, waitUs: 2, runUs: 3 },
      marker: record.marker ?? false,
    })
  }
  return builder.finish()
}

/** A batch of records with these values. */
export function batchWith(...values: readonly string[]): RecordBatch {
  return batchOf(values.map((value) => ({ value })))
}

/** The values from each slice's first record on. */
export function valuesOf(slices: readonly SliceBatch[] | null): (string | null)[] {
  return (slices ?? []).flatMap(({ batch, from }) =>
    Array.from({ length: batch.count - from }, (_, index) => batch.valueText(from + index)),
  )
}
