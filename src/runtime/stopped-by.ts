import { PipelineError, type RecordFailure } from '../core/errors.ts'

/** The error of a stage that is to stop at the first record that fails. */
export function stoppedBy({ code, message }: RecordFailure, stage: string): PipelineError {
  return new PipelineError(
    'STAGE_STOPPED',
    `the stage "${stage}" stops at a failed record (on_error: stop): ${message} (${code})`,
  )
}
