import type { Clock } from '../core/clock.ts'
import type { TaskCommit, TaskLog } from '../core/log.ts'
import type { CommittedSink, Telemetry } from '../core/telemetry.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import type { StageNode } from '../topology/topology.ts'
import { BatchOrigins } from './batch-origins.ts'
import { LimitsWatch } from './limits-watch.ts'
import type { SinkWriter } from './sink-writer.ts'
import type { SliceStep } from './slice-step.ts'
import type { StepResult } from './slice.ts'
import type { StageMeter } from './stage-meter.ts'
import type { HeldEvent, TaskEvents } from './task-events.ts'
import type { InputSlice } from './task-input.ts'
import type { TaskQueue } from './task-queue.ts'
import type { TaskTracing } from './task-tracing.ts'

export interface TaskCommitsOptions {
  /** Of the task. */
  readonly id: string
  readonly pipeline: string
  readonly node: StageNode
  readonly clock: Clock
  readonly step: SliceStep
  readonly meter: StageMeter
  readonly events: TaskEvents
  readonly telemetry: Telemetry
  /** null: nothing is traced. */
  readonly tracing: TaskTracing | null
  readonly log: TaskLog
  /** null: results go to a topic. */
  readonly sink: SinkWriter | null
  readonly queue: TaskQueue
  /** Records that wait for the task. */
  readonly lag: () => Promise<number>
  /** Aborts when nothing is waited for any more. */
  readonly cut: AbortSignal
}

/** What a result came of. */
export interface CommittedWork {
  /** null: of time that passed, or of the end of the input. */
  readonly slice: InputSlice | null
  readonly caused: readonly HeldEvent[]
  readonly signal: AbortSignal
}

/** Takes the results of a task to its sink and its log, one after the other, and counts them once they are there. */
export class TaskCommits {
  readonly #options: TaskCommitsOptions
  readonly #limits: LimitsWatch
  #inFlight: Promise<void> = Promise.resolve()

  constructor(options: TaskCommitsOptions) {
    this.#options = options
    this.#limits = new LimitsWatch(options.node.settings.limits, options.events)
  }

  /** Calls back once the commit under way has returned without an error. */
  afterCurrent(tell: () => void): void {
    this.#inFlight.then(tell, () => {})
  }

  /**
   * Returns once the commit under way has, or the time for it is up: then it is cut off when the log is closed.
   * @returns whether it has. @throws PipelineError what the commit met.
   */
  async untilDone(): Promise<boolean> {
    const { cut } = this.#options
    await unlessAborted(this.#inFlight, cut)
    return !cut.aborted
  }

  /** Writes to the sink where there is one, then commits; returns before the commit does. */
  async commit(result: StepResult, work: CommittedWork): Promise<void> {
    const { slice } = work
    this.#options.tracing?.spent(result.traces)
    const written = await this.#toSink(result, work)
    if (written === null) return
    const { sink } = written
    const outputs = [...result.outputs, ...written.outputs]
    const state = [...result.state, ...(slice?.state ?? []), ...written.state]
    const caused = [...work.caused, ...written.caused]
    if (outputs.length === 0 && state.length === 0 && slice === null) return
    const readyUs = this.#nowUs()
    const isDone = await this.untilDone()
    result.stats.blockedUs = this.#nowUs() - readyUs
    if (!isDone) return
    const next = slice?.next ?? []
    this.#inFlight = this.#settle({ outputs, state, next }, { result, caused, slice, sink })
    // The error surfaces where the promise is awaited next, before anything more is committed.
    this.#inFlight.catch(() => {})
  }

  /** @returns null when the task was to stop meanwhile: the slice comes again then. */
  async #toSink(result: StepResult, { slice, signal }: CommittedWork): Promise<Written | null> {
    const { step, events, tracing, sink } = this.#options
    if (result.sinkBatch === null) return nothingWritten
    const writingUs = this.#nowUs()
    const parts = slice?.parts ?? []
    const { batch } = result.sinkBatch
    const origins = new BatchOrigins(result.sinkBatch, parts)
    const written = await sink!.write(batch, origins, signal)
    if (written === null) return null
    const { backoffUs, attempts, failures, state } = written
    result.stats.backoffUs += backoffUs * result.stats.records
    result.stats.sinkUs = this.#nowUs() - writingUs - backoffUs
    result.stats.pausedUs = backoffUs
    if (tracing !== null && attempts.length > 1) step.retried(result, parts)
    const outputs = step.refused(result, parts, failures)
    tracing?.spent(result.traces)
    return { sink: tracing?.written(attempts) ?? null, outputs, state, caused: events.take() }
  }

  async #settle(
    commit: TaskCommit,
    of: Omit<CommittedWork, 'signal'> & {
      readonly result: StepResult
      readonly sink: CommittedSink | null
    },
  ): Promise<void> {
    const { log, queue, meter, events, telemetry, tracing, pipeline, node, id, clock } =
      this.#options
    const { stats, traces } = of.result
    // From here on the records wait in their topic: taking another time would count some of it twice.
    const { visibleUs: committedUs } = await meter.operations.timed('commit', clock, () =>
      log.commit(commit),
    )
    of.slice?.committed?.()
    queue.committed(stats, { committedUs, pulled: of.slice?.records ?? 0 })
    const topic = node.output?.kind === 'topic' ? node.output.topic : null
    meter.operations.sent(commit.outputs, { topic, count: stats.markers })
    if (node.output?.kind === 'sink') meter.addAges(of.slice?.parts ?? [], committedUs)
    if (traces !== null) tracing?.committed(traces, { committedUs, sink: of.sink })
    events.publishAll(of.caused, { traces, committedUs })
    const { records, waitUs, runUs, endUs } = stats
    if (records === 0) return
    telemetry.sliceCommitted({
      pipeline,
      stage: node.stage,
      task: id,
      records,
      waitUs,
      runUs,
      endUs,
      committedUs,
    })
    events.publish('batch_processed', { records, task: id }, traces)
    this.#limits.checkDelay(meter.slowestUs)
    await this.#limits.checkLag(this.#nowUs(), this.#options.lag)
  }

  #nowUs(): number {
    return this.#options.clock.monotonicUs()
  }
}

/** What became of results at the sink. */
interface Written extends Pick<TaskCommit, 'outputs' | 'state'> {
  readonly sink: CommittedSink | null
  readonly caused: readonly HeldEvent[]
}

const nothingWritten: Written = { sink: null, outputs: [], state: [], caused: [] }
