import type { AsyncResult } from '../../core/async-operator.ts'
import { PipelineError, RecordFailure } from '../../core/errors.ts'
import { decodeJson, encodeJson, isJsonObject, type JsonObject } from '../../core/json.ts'
import type { StepRecord } from '../../core/step-record.ts'

/** What a message about an answer quotes of it. */
const maxQuoted = 200

/**
 * One line for the process: `id` and `value`, with `key`, `headers` and `traceparent` where the record has them.
 * @throws RangeError when the value is nested too deeply.
 */
export function requestLine(id: number, record: StepRecord, traceparent: string | null): string {
  const { key } = record
  const headers = record.headerBytes.length === 0 ? '' : `,"headers":${encodeJson(record.headers)}`
  const keyed = key === null ? '' : `,"key":${JSON.stringify(key)}`
  const traced = traceparent === null ? '' : `,"traceparent":"${traceparent}"`
  return `{"id":${id},"value":${encodeJson(record.value)}${keyed}${headers}${traced}}\n`
}

/** An answer of the process, to one of the lines that it was sent. */
export interface ExecAnswer {
  readonly id: number
  /** As a call ends; an error is what it is to throw. */
  readonly result: AsyncResult | RecordFailure | PipelineError
}

/** null for a line that answers nothing: it is no JSON object, or has no `id`. */
export function readAnswer(line: string): ExecAnswer | null {
  const answer = decodedOrNull(line)
  const id = answer?.['id']
  if (answer === null || typeof id !== 'number') return null
  return { id, result: resultOf(answer) }
}

function decodedOrNull(line: string): JsonObject | null {
  try {
    const decoded = decodeJson(line)
    return isJsonObject(decoded) ? decoded : null
  } catch {
    return null
  }
}

function resultOf(answer: JsonObject): ExecAnswer['result'] {
  const { value, values, error, code } = answer
  if (error !== undefined && error !== null) return errorOf(error, code)
  if (Array.isArray(values)) return values.length === 0 ? 'filtered' : values
  if (value === undefined || values !== undefined) {
    return new RecordFailure(
      'RECORD_EXEC',
      'the answer has neither `value` nor `error` nor a list `values`',
    )
  }
  return value === null ? 'filtered' : [value]
}

function errorOf(error: unknown, code: unknown): RecordFailure | PipelineError {
  const message = (typeof error === 'string' ? error : JSON.stringify(error)).slice(0, maxMessage)
  if (code === 'PEER_UNAVAILABLE' || code === 'PEER_REJECTED')
    return new PipelineError(code, message)
  return new RecordFailure('RECORD_EXEC', message)
}

const maxMessage = 1_000

/** A line as a message shows it. */
export function quoted(line: string): string {
  return JSON.stringify(line.length > maxQuoted ? `${line.slice(0, maxQuoted)}...` : line)
}
