import { RecordFailure } from '../../src/core/errors.ts'
import type { JsonValue } from '../../src/core/json.ts'
import type { StepRecord } from '../../src/core/step-record.ts'
import { compileExpression } from '../../src/expressions/compile.ts'

/** Evaluates over a record with this value; other fields of the record are missing. */
export function evaluateSource(source: string, value: JsonValue = {}): JsonValue {
  return compileExpression(source)({ value } as StepRecord)
}

/** The code of the failure, or of nothing: a result is then a failed test. */
export function failureOf(source: string, value: JsonValue = {}): RecordFailure {
  try {
    evaluateSource(source, value)
  } catch (thrown) {
    if (thrown instanceof RecordFailure) return thrown
    throw thrown
  }
  throw new Error(`${source} did not fail`)
}
