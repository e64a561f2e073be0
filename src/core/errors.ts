/**
 * What the runtime does with an error depends on its kind alone (see the page of error codes):
 * `config` refuses to start; `record` is the stage's `on_error`; `unavailable` blocks the stage and
 * retries; `rejected` is retried `retry.max` times, then as `record`; `full` pauses until there is
 * room; `fatal` stops the pipeline; `bug` stops at once and commits nothing.
 */
export type ErrorKind = 'config' | 'record' | 'unavailable' | 'rejected' | 'full' | 'fatal' | 'bug'

export const errorTable = {
  CONFIG_UNREADABLE: {
    kind: 'config',
    help: 'The pipeline file cannot be read, or is larger than 1 MB.',
  },
  CONFIG_YAML: {
    kind: 'config',
    help: 'The file is no valid YAML, or uses a part of YAML that pipeline files do not allow.',
  },
  CONFIG_INVALID: { kind: 'config', help: 'A setting has a value that is not allowed.' },
  CONFIG_UNKNOWN_KEY: { kind: 'config', help: 'No setting has this name here.' },
  CONFIG_UNKNOWN_OPERATOR: {
    kind: 'config',
    help: 'No step, source, sink or listener has this name.',
  },
  CONFIG_EXPRESSION: {
    kind: 'config',
    help: 'An expression is not valid, or uses what expressions do not allow.',
  },
  CONFIG_VARIABLE: {
    kind: 'config',
    help: 'An environment variable or secret is not set, or has the wrong type for its setting.',
  },
  CONFIG_TOPOLOGY: { kind: 'config', help: 'Stages, topics and steps do not fit together.' },
  CONFIG_FIELD: {
    kind: 'config',
    help: 'An expression uses a field that the stage before cannot produce.',
  },
  CONFIG_INCOMPATIBLE: {
    kind: 'config',
    help: 'The pipeline changed in a way that its stored topics or state do not allow.',
  },
  CONFIG_FILE: {
    kind: 'config',
    help: 'A file or folder that the pipeline names is missing, unreadable or of the wrong kind.',
  },
  CONFIG_ADDRESS: {
    kind: 'config',
    help: 'An address to listen on is taken, or is none of this machine that the user may listen on.',
  },
  CONFIG_USAGE: {
    kind: 'config',
    help: 'A command was called with arguments that it does not take.',
  },
  DATA_DIR_IN_USE: { kind: 'config', help: 'Another process writes to this data directory.' },
  RECORD_DECODE: {
    kind: 'record',
    help: 'The bytes of a record are not in the format that the stage expects.',
  },
  RECORD_ENCODE: {
    kind: 'record',
    help: 'The result cannot be written as JSON, or as `encode` of the stage says.',
  },
  RECORD_PARSE: {
    kind: 'record',
    help: 'A `parse` step found no match, or text that is not in its format.',
  },
  RECORD_CAST: {
    kind: 'record',
    help: 'A field could not be converted to the type that `cast` asks for.',
  },
  RECORD_REQUIRED: { kind: 'record', help: 'The condition of a `require` step is false or null.' },
  RECORD_INVALID: {
    kind: 'record',
    help: 'The value does not follow the schema of a `validate` step.',
  },
  RECORD_EXPRESSION: {
    kind: 'record',
    help: 'An expression cannot be evaluated on this record, such as arithmetic on null.',
  },
  RECORD_NUMBER: {
    kind: 'record',
    help: 'Arithmetic on a number that is not exact, or with a result that is not finite.',
  },
  RECORD_TYPE: { kind: 'record', help: 'A field has a type that the step does not work on.' },
  RECORD_EVENT_TIME: {
    kind: 'record',
    help: 'The event time is missing, is no time, or lies too far in the future.',
  },
  RECORD_ROUTE: {
    kind: 'record',
    help: 'No output of a `route` matches and there is no `otherwise`, or `to` gives a topic that is not in `allow`.',
  },
  RECORD_THROTTLED: {
    kind: 'record',
    help: 'More records came than a `throttle` step with `over: dlq` lets pass.',
  },
  RECORD_LOOKUP: {
    kind: 'record',
    help: 'A `lookup` with `missing: dlq` found nothing.',
  },
  RECORD_TOO_LARGE: {
    kind: 'record',
    help: 'The record is larger than its topic or source takes.',
  },
  RECORD_REJECTED: { kind: 'record', help: 'A sink cannot take this record.' },
  RECORD_MODULE: {
    kind: 'record',
    help: 'The function of a `module` step threw, or returned what is no JSON.',
  },
  RECORD_EXEC: {
    kind: 'record',
    help: 'The process of an `exec` step says that it cannot use the record, or answered with what is no answer.',
  },
  PEER_UNAVAILABLE: {
    kind: 'unavailable',
    help: 'The peer did not answer; the stage waits and tries again.',
  },
  PEER_REJECTED: { kind: 'rejected', help: 'The peer refused this record.' },
  PEER_REFUSED: {
    kind: 'config',
    help: 'A server that a source or sink uses cannot be used as it is set up: its credentials, rights, certificates or names.',
  },
  DISK_FULL: { kind: 'full', help: 'No room is left on the disk; work goes on when there is.' },
  FILE_FAILED: { kind: 'fatal', help: 'Reading or writing a file failed.' },
  STATE_FULL: { kind: 'fatal', help: 'A stage holds as many keys as `state.max_keys` allows.' },
  LOG_CORRUPT: { kind: 'fatal', help: 'A stored batch failed its checksum.' },
  LOG_FENCED: { kind: 'fatal', help: 'Another process has taken over this task.' },
  LOG_IO: { kind: 'fatal', help: 'The log could not read or write its storage.' },
  LOG_REFUSED: {
    kind: 'config',
    help: 'The Kafka cluster cannot be used as it is set up: its address, credentials, rights, names or limits.',
  },
  LOG_VERSION: {
    kind: 'fatal',
    help: 'The storage was written by a version that this one cannot read.',
  },
  LOG_POSITION_LOST: {
    kind: 'fatal',
    help: 'Records after the committed position have been removed.',
  },
  STAGE_STOPPED: { kind: 'fatal', help: 'A record failed in a stage with `on_error: stop`.' },
  INVARIANT: { kind: 'bug', help: 'A programming error in Millrace. Please report it.' },
} as const satisfies Record<string, { kind: ErrorKind; help: string }>

export type ErrorCode = keyof typeof errorTable
export type RecordErrorCode = {
  [Code in ErrorCode]: (typeof errorTable)[Code]['kind'] extends 'record' ? Code : never
}[ErrorCode]

/** An error with a code of the table; everything but the failure of one record is thrown as this. */
export class PipelineError extends Error {
  readonly code: ErrorCode
  override readonly name = 'PipelineError'

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }

  get kind(): ErrorKind {
    return errorTable[this.code].kind
  }
}

/**
 * The failure of one record. Not an `Error` on purpose: capturing a stack for each bad record of a
 * dirty input costs more than cleaning the good ones.
 */
export class RecordFailure {
  readonly code: RecordErrorCode
  readonly message: string
  /** The `id` of the step that failed; filled in by the step chain. */
  step: string | null = null
  /** How often the record was tried. */
  readonly attempts: number

  constructor(code: RecordErrorCode, message: string, attempts = 1) {
    this.code = code
    this.message = message
    this.attempts = attempts
  }
}

/** @throws PipelineError INVARIANT when `condition` does not hold. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new PipelineError('INVARIANT', message)
}

/** Anything that was thrown, as an error of the table: what is none of it is a bug. */
export function asPipelineError(thrown: unknown): PipelineError {
  if (thrown instanceof PipelineError) return thrown
  return new PipelineError('INVARIANT', messageOf(thrown), { cause: thrown })
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error || thrown instanceof RecordFailure
    ? thrown.message
    : String(thrown)
}
