/**
 * The workers that run one pipeline together, in several processes: each task is run by one of them.
 * They also tell each other how far their tasks are, beside the records.
 */
export interface WorkGroup {
  join(request: WorkRequest, on: WorkHandlers): WorkPlace
}

export interface WorkRequest {
  /** Of the pipeline, with its namespace. */
  readonly pipeline: string
  /** Of the pipeline file: workers with different ones do not work together. */
  readonly fingerprint: string
  /** Ids of all tasks. */
  readonly tasks: readonly string[]
}

export interface WorkHandlers {
  /** These are this worker's from now on; nobody else runs them any more. */
  assigned(tasks: readonly string[]): void
  /** Others get them once the promise settles: what was begun has to be committed or given up then. */
  revoked(tasks: readonly string[]): Promise<void>
  /** A task of another worker has ended. */
  ended(task: string): void
  /** Since when a task of another worker has had nothing to do, epoch µs; null: it has again. */
  quiet(task: string, sinceUs: number | null): void
  /**
   * The others have begun anew without this worker: what it has heard of ends, and what it has said of
   * them itself, holds no more. It has no tasks at that time.
   */
  renewed(): void
}

/** One worker's part. */
export interface WorkPlace {
  /**
   * Takes part until the signal aborts, then gives all tasks back and leaves.
   * @throws PipelineError CONFIG_INCOMPATIBLE when others run another file under this name;
   * PEER_REJECTED, LOG_IO
   */
  run(signal: AbortSignal): Promise<void>
  /** Whether a task that was fenced is still this worker's, as the others see it. */
  confirm(task: string): Promise<boolean>
  /** Resolves once the others can know. */
  announceEnd(task: string): Promise<void>
  /** As `WorkHandlers.quiet`; the others learn it soon. */
  announceQuiet(task: string, sinceUs: number | null): void
}
