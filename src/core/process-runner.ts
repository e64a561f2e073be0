export interface ProcessCall {
  /** The program and its arguments; no shell reads them. */
  readonly argv: readonly [program: string, ...arguments_: string[]]
  /** null: that of this process. */
  readonly folder: string | null
  readonly stdin: string
  /** Bytes that are kept of stdout and stderr, each; the rest is read and dropped. */
  readonly maxOutputBytes: number
  /** Aborting it ends the process and all that it has started. */
  readonly signal: AbortSignal
}

export interface ProcessResult {
  /** null: a signal ended it. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
  /** Whether some of the output was dropped. */
  readonly isCut: boolean
}

/** Runs programs to their end. */
export interface ProcessRunner {
  /** @throws PipelineError CONFIG_FILE when there is no such program, or it cannot be run. */
  run(call: ProcessCall): Promise<ProcessResult>
}
