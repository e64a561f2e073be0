import { messageOf } from '../core/errors.ts'
import { decodeJson, type JsonValue } from '../core/json.ts'
import type { StepRecord } from '../core/step-record.ts'

/** @throws SyntaxError, without a stack, when the value of the record is no JSON in UTF-8. */
export function decodeValue(record: StepRecord): JsonValue {
  const text = record.valueText
  if (text !== null && !record.isAscii && text.includes('\uFFFD')) refuseInvalidUtf8(record)
  return text === null ? null : decodeWithoutStack(text)
}

/** Taking the stack of each syntax error costs a fifth of the time that a file with 1.5 % broken lines takes to read. */
function decodeWithoutStack(text: string): JsonValue {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return decodeJson(text)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** Of the parser's message only the place: the rest quotes the value, which may hold what nobody should see. */
export function decodeProblem(thrown: unknown): string {
  const place = /at position \d+/.exec(messageOf(thrown))
  if (place !== null) return ` ${place[0]}`
  return thrown instanceof SyntaxError && !thrown.message.includes('JSON')
    ? `: ${thrown.message}`
    : ''
}

function refuseInvalidUtf8(record: StepRecord): void {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    decoder.decode(record.valueBytes ?? undefined)
  } catch {
    throw new SyntaxError('the bytes are not valid UTF-8')
  }
}
