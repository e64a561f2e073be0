import type { Clock, Random } from './clock.ts'
import type { HttpClient } from './http-client.ts'
import type { JsonObject, JsonValue } from './json.ts'
import type { StepRecord } from './step-record.ts'
import type { OpenTable } from './table.ts'
import type { TopicFollower } from './topic-follower.ts'

/** Calls that a task waits for at once, where its stage does not say. */
export const defaultConcurrency = 8

/** What becomes of a record: its values in order, one or several, or the reason why there is none. */
export type AsyncResult = readonly JsonValue[] | 'filtered' | 'skipped'

/** One call about one record. */
export interface AsyncCall {
  /** Aborts when the task stops: what the call comes to is ignored then. */
  readonly signal: AbortSignal
  /** W3C Trace Context, for what is sent to the peer; null where the record came without. */
  readonly traceparent: string | null
}

/** An operator that waits for something outside: a peer, another process, a promise of the user's code. */
export interface AsyncOperator {
  /**
   * Works on the record, which is this call's own until it has ended. Of one key it is called for one
   * record after the other, unless `inFlight` says otherwise. It must not rely on being called once:
   * what was not committed is worked on again after a crash.
   * @throws RecordFailure when the record fails; PipelineError PEER_UNAVAILABLE (the stage is blocked
   * and calls again, for ever) or PEER_REJECTED (called again `retry.max` times, then the record fails).
   */
  process(record: StepRecord, call: AsyncCall): AsyncResult | Promise<AsyncResult>
  /**
   * So many calls it takes at once, handed over in the order of the input, whatever the stage's
   * `concurrency`: it keeps the order per key itself. When it gives up calls, it rejects them in their order.
   */
  readonly inFlight?: number
  /** Ends what it has opened; calls under way may be given up. */
  close(): Promise<void>
}

/** Where an operator works. */
export interface AsyncPlace {
  readonly pipeline: string
  readonly stage: string
  /** The id of the step. */
  readonly step: string
  /** As the stage says: so much work at once for each task; null where it does not say. */
  readonly concurrency: number | null
}

/** What asynchronous operators get from outside. */
export interface OperatorEnvironment {
  readonly clock: Clock
  readonly random: Random
  /** Writes one line to the log of the process, without secrets. */
  readonly log: (
    level: 'debug' | 'info' | 'warn' | 'error',
    message: string,
    facts: JsonObject,
  ) => void
  readonly spawn: SpawnProcess
  /** Requests to others; absent where nothing outside is reached. */
  readonly http?: HttpClient
  /** Reads the topics of the log; absent where there is none. */
  readonly topics?: TopicFollower
  /** For steps that look values up; absent where none does. */
  readonly openTable?: OpenTable
}

export interface SpawnOptions {
  /** The program and its arguments; no shell reads them. */
  readonly argv: readonly [string, ...string[]]
  readonly cwd: string
  /** Names of variables of this process that it gets, beside those without which no program runs. */
  readonly passEnv: readonly string[]
  /** Further variables. */
  readonly env: Readonly<Record<string, string>>
  /** Takes what the process writes to stdout. The bytes are valid during the call only. */
  readonly onOutput: (chunk: Uint8Array) => void
  /** Takes each line of stderr, cut at a length that is a limit of its own, and so many a second at most. */
  readonly onErrorLine: (line: string) => void
}

/** Starts a process; it is killed when this one ends in whatever way it can notice. */
export type SpawnProcess = (options: SpawnOptions) => SpawnedProcess

export interface SpawnedProcess {
  /** Undefined where it could not be started. */
  readonly pid: number | undefined
  /** How it ended, after its last output; it never rejects. */
  readonly ended: Promise<ProcessEnd>
  /** @returns false when so much waits to be read by the process that nothing more should be written now. */
  write(text: string): boolean
  /** Resolves when what waits has been read, or the process has ended. */
  drained(): Promise<void>
  /** Asks it to end: closes its stdin, then sends SIGTERM, and SIGKILL where it has not ended after `graceMs`. */
  stop(graceMs: number): Promise<void>
  kill(): void
}

/** In words: `exit code 3`, `signal SIGKILL`, `spawn python3 ENOENT`. */
export interface ProcessEnd {
  readonly how: string
  /** It never ran: there is no such program or folder, or no right to run it. */
  readonly isMissing: boolean
}
