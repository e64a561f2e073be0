import { isUtf8 } from 'node:buffer'
import type { SinkReceipt } from '../../core/endpoints.ts'
import { decodeJson, encodeJson } from '../../core/json.ts'
import type { RecordBatch } from '../../core/record-batch.ts'
import { newlineByte } from '../formats/splitter.ts'

export interface EncodedRecords {
  readonly bytes: Buffer
  readonly failures: SinkReceipt['failures']
}

const nullText = Buffer.from('null')

/**
 * The values as lines, their bytes as they are. A value that has line breaks is written again as JSON
 * without them; one that is no JSON fails.
 * @param count how many of the batch's first records.
 */
export function encodeLines(batch: RecordBatch, count = batch.count): EncodedRecords {
  const failures: { index: number; code: 'RECORD_REJECTED'; message: string }[] = []
  const replaced = new Map<number, Buffer | null>()
  let size = batch.dataBytes + batch.count
  for (let index = 0; index < count; index++) {
    const line = replacementFor(batch, index)
    if (line === undefined) continue
    if (typeof line === 'string') {
      failures.push({ index, code: 'RECORD_REJECTED', message: line })
      replaced.set(index, null)
    } else {
      replaced.set(index, line)
      size += line?.length ?? 0
    }
  }
  const bytes = Buffer.allocUnsafe(size)
  let end = 0
  for (let index = 0; index < count; index++) {
    const line = replaced.size === 0 ? undefined : replaced.get(index)
    const value = line === undefined ? batch.value(index) : line
    if (value === null) continue
    bytes.set(value, end)
    end += value.length
    bytes[end++] = newlineByte
  }
  return { bytes: bytes.subarray(0, end), failures }
}

/** One value as a line without its end; null: nothing is written; a string says why the value is refused. */
export function encodeLine(batch: RecordBatch, index: number): Uint8Array | null | string {
  const line = replacementFor(batch, index)
  return line === undefined ? batch.value(index) : line
}

/** undefined: the value goes as it is; null: nothing goes; a string says why the value is refused. */
function replacementFor(batch: RecordBatch, index: number): Buffer | null | string | undefined {
  if (batch.isMarker(index)) return null
  const value = batch.value(index)
  if (value === null) return nullText
  if (!value.includes(newlineByte)) return undefined
  if (!isUtf8(value))
    return 'the value has a line break and is no JSON, so that it cannot be one line'
  try {
    return Buffer.from(encodeJson(decodeJson(batch.valueText(index) ?? '')))
  } catch {
    return 'the value has a line break and is no JSON, so that it cannot be one line'
  }
}
