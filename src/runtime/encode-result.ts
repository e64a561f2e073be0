import { RecordFailure } from '../core/errors.ts'
import type { JsonFields } from '../core/json-fields.ts'
import { encodeJson, type JsonObject, type JsonValue } from '../core/json.ts'
import type { StepRecord } from '../core/step-record.ts'

/** A larger result is dead-lettered: a log or sink would refuse it with everything beside it. */
const maxOutputBytes = 64 * 1024 * 1024

/**
 * The value of a result as JSON.
 * @param spliced what was decoded of the record, where that is not all of it. @throws RecordFailure
 */
export function encodeValue(record: StepRecord, spliced: JsonFields | null): string {
  const text =
    spliced === null ? encodeJson(record.value) : spliced.splice(record.value as JsonObject)
  assertResultSize(text.length)
  return text
}

/** @throws RecordFailure RECORD_TOO_LARGE */
export function assertResultSize(characters: number): void {
  if (characters <= maxOutputBytes) return
  throw new RecordFailure(
    'RECORD_TOO_LARGE',
    `the result has ${characters} characters; a record takes ${maxOutputBytes} bytes`,
  )
}

/** A key as text: text as it is, anything else as JSON. */
export function encodeKey(key: JsonValue): string | null {
  if (key === null || typeof key === 'string') return key
  return encodeJson(key)
}
