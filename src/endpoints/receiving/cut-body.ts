import { isUtf8 } from 'node:buffer'
import { messageOf } from '../../core/errors.ts'
import { decodeJson, type JsonValue } from '../../core/json.ts'
import { type CsvOptions, type InputFormat, makeSplitter } from '../formats/input-format.ts'
import { RecordCutter, startPlace } from '../reading/record-cutter.ts'
import { BodyProblem } from './body-problem.ts'
import type { BodyKind } from './content-type.ts'

export type RecordBytes = Uint8Array | string

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/**
 * The records of a body, each as its original bytes; a csv row as a JSON object. All of them can be read:
 * who sends something else is there to be told so.
 * @param isMany whether an array is many records.
 * @throws BodyProblem 400
 */
export function cutBody(
  body: Buffer,
  kind: Exclude<BodyKind, 'cloud_event' | 'cloud_events'>,
  { csv, isMany }: { readonly csv: CsvOptions; readonly isMany: boolean },
): readonly RecordBytes[] {
  if (kind === 'bytes') return body.length === 0 ? [] : [body]
  const text = body.subarray(0, 3).equals(byteOrderMark) ? body.subarray(3) : body
  if (kind === 'json' || kind === 'json_array') {
    const value = jsonOf(text, 'the body')
    if (kind === 'json' && !(isMany && Array.isArray(value))) return [text]
    if (!Array.isArray(value)) throw new BodyProblem(400, 'json', 'the body is no JSON array')
    return value.length === 0 ? [] : cut(text, 'json_array', csv)
  }
  const records = cut(text, kind, csv)
  if (kind === 'ndjson')
    for (const [index, record] of records.entries()) jsonOf(record, `record ${index + 1}`)
  else if (kind === 'text' && !isUtf8(text))
    throw new BodyProblem(400, 'text', 'the body is no UTF-8')
  return records
}

/** @throws BodyProblem 400 */
export function jsonOf(bytes: RecordBytes, what: string): JsonValue {
  try {
    if (typeof bytes === 'string') return decodeJson(bytes)
    if (!isUtf8(bytes)) throw new BodyProblem(400, 'json', `${what} is no UTF-8`)
    return decodeJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  } catch (thrown) {
    if (thrown instanceof BodyProblem) throw thrown
    throw new BodyProblem(400, 'json', `${what} is no valid JSON: ${messageOf(thrown)}`)
  }
}

function cut(body: Buffer, format: InputFormat, csv: CsvOptions): RecordBytes[] {
  const maxRecord = body.length
  const splitter = makeSplitter({
    format,
    csv,
    header: null,
    maxRecord,
    begins: null,
    path: '',
    state: '',
  })
  const settings = { name: 'the body', maxRecord, chunkBytes: 0, skipsByteOrderMark: false }
  const cutter = new RecordCutter(splitter, settings, startPlace)
  cutter.window.bytes = body
  cutter.window.ended = true
  const records: RecordBytes[] = []
  while (cutter.look() === 'record') {
    if (cutter.failure !== null) throw new BodyProblem(400, format, cutter.failure.message)
    records.push(cutter.value)
    cutter.consume()
  }
  return records
}
