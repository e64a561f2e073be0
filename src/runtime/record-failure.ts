import { messageOf, PipelineError, RecordFailure } from '../core/errors.ts'

/**
 * The failure of a record, with the step that it failed in.
 * @param at.step null: it failed in none of them.
 * @throws anything that is no failure of a record.
 */
export function recordFailureOf(
  thrown: unknown,
  at: { readonly step: string | null; readonly stage: string },
): RecordFailure {
  if (thrown instanceof RecordFailure) {
    thrown.step ??= at.step
    return thrown
  }
  // Only a value nested too deep for the stack makes an operator throw this.
  if (thrown instanceof RangeError) {
    const failure = new RecordFailure('RECORD_ENCODE', thrown.message)
    failure.step = at.step
    return failure
  }
  if (thrown instanceof PipelineError) throw thrown
  throw new PipelineError(
    'INVARIANT',
    `the step "${at.step ?? 'output'}" of the stage "${at.stage}" threw: ${messageOf(thrown)}`,
    { cause: thrown },
  )
}
