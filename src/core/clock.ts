/** The only way to learn the time or to spend it. Injected, so that a run can be driven by a virtual clock. */
export interface Clock {
  /** Wall time in epoch milliseconds. It may jump: never subtract two readings, use `monotonicUs`. */
  wallMs(): number
  /**
   * Epoch microseconds that never go back within this process: the wall clock at process start plus
   * the monotonic time since. All timing of records uses it. Not comparable between machines to
   * better than their clock skew.
   */
  monotonicUs(): number
  /** Resolves after `durationMs`, or at once when `signal` aborts (it never rejects). */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>
}

/** Uniform random numbers in [0, 1). Injected for the same reason as `Clock`. */
export interface Random {
  next(): number
}
