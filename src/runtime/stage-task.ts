import type { StateChange, TaskLog } from '../core/log.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import { topicsWrittenBy } from '../topology/order-nodes.ts'
import type { SinkOutput, StageNode } from '../topology/topology.ts'
import { AsyncSteps } from './async-steps.ts'
import { expectsOnlySilent, silentWriters, untilNextIdleMs } from './idle-writers.ts'
import { retryWhileUnavailable } from './retry.ts'
import type { StepResult } from './slice.ts'
import { sinkMemory, SinkWriter } from './sink-writer.ts'
import type { KeptState } from './step-chain.ts'
import type { SliceWork } from './step-executor.ts'
import type { StageTaskOptions } from './stage-task-options.ts'
import { Standstill } from './standstill.ts'
import { TaskCommits } from './task-commits.ts'
import { TaskQueue } from './task-queue.ts'
import { TaskTimers } from './task-timers.ts'
import {
  LogInput,
  SourceInput,
  sourcePositions,
  type InputBacklog,
  type InputSlice,
  type TaskInput,
} from './task-input.ts'
import type { WriterProgress } from './watermark.ts'

/** How long a task that is to stop waits for what it has begun to commit. */
const stopMs = 2_000

export type TaskPhase = 'starting' | 'working' | 'waiting' | 'blocked' | 'ended' | 'stopped'

/** The loop of one task: pull a slice, run the step, commit, while the commit before is still under way. */
export class StageTask {
  readonly id: string
  readonly node: StageNode
  phase: TaskPhase = 'starting'
  readonly #options: StageTaskOptions
  #log: TaskLog | null = null
  #input: TaskInput | null = null
  #sink: SinkWriter | null = null
  /** null: no step waits for anything outside. */
  #async: AsyncSteps | null = null
  readonly #standstill: Standstill
  #queue: TaskQueue | null = null
  #commits: TaskCommits | null = null
  #hasFinished = false
  #timers: TaskTimers | null = null
  /** Aborts when the task was to stop a while ago: nothing is waited for any more. */
  readonly #cut = new AbortController()

  constructor(options: StageTaskOptions) {
    this.#options = options
    this.id = options.id
    this.node = options.node
    const phase = (now: 'blocked' | 'working') => void (this.phase = now)
    this.#standstill = new Standstill({ ...options, stage: options.node.stage, phase })
  }

  /** Opens the task, works until its input ends or the signal aborts, and closes it again. */
  async run(signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    const stop = () => void this.#cutSoon(over.signal)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    try {
      await unlessAborted(this.#open(signal), this.#cut.signal)
      await this.#loop(signal)
      await this.#untilCommitted()
      this.phase = this.#hasFinished ? 'ended' : 'stopped'
    } finally {
      signal.removeEventListener('abort', stop)
      over.abort()
      await this.#close()
    }
  }

  async #cutSoon(over: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(stopMs, over)
    if (!over.aborted) this.#cut.abort()
  }

  /** As `TaskCommits.untilDone`. */
  async #untilCommitted(): Promise<boolean> {
    return this.#commits === null ? !this.#cut.signal.aborted : this.#commits.untilDone()
  }

  /** Records that wait for this task. */
  async lag(): Promise<number> {
    return this.#input === null ? 0 : this.#input.lag()
  }

  /** The same by input, with how old they are. */
  async backlog(): Promise<readonly InputBacklog[]> {
    return this.#input === null ? [] : this.#input.backlog()
  }

  /** Records between pull and commit. */
  get inWork(): number {
    return this.#queue?.inWork ?? 0
  }

  /** What its steps keep now; null: nothing. */
  get kept(): KeptState | null {
    return this.#options.step.kept
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { id, node, inputs, taskIndex, log, environment, step } = this.#options
    const { group, settings, delivery, changelogTopic } = node
    const changelog =
      changelogTopic === null ? {} : { changelog: { topic: changelogTopic, partition: taskIndex } }
    const { start } = settings
    const outputs = topicsWrittenBy(node)
    const spec = { id, group, inputs, start, delivery, outputs, ...changelog }
    try {
      this.#log = await log.openTask(spec, signal)
    } catch (thrown) {
      if (signal.aborted) return
      throw thrown
    }
    const stored = await this.#log.restore()
    step.restore(stored)
    await this.#askLimits(this.#log)
    this.#async = await AsyncSteps.open({ ...this.#options, trouble: this.#standstill })
    if (node.input.kind === 'source') {
      const { definition, config } = node.input
      this.#input = new SourceInput(definition.create(config, environment, sourcePositions(stored)))
    } else this.#input = new LogInput(this.#log, inputs, () => this.#nowUs())
    if (node.output?.kind === 'sink') {
      await this.#openSink(node.output, stored, signal)
    }
    const startedUs = this.#nowUs()
    const lag = () => this.lag()
    this.#queue = new TaskQueue(this.#options.meter, { startedUs, lag })
    this.#commits = new TaskCommits({
      ...this.#options,
      log: this.#log,
      sink: this.#sink,
      queue: this.#queue,
      lag,
      cut: this.#cut.signal,
    })
    this.#options.tracker.begin(startedUs)
    this.#timers = new TaskTimers(step, this.#options.clock)
  }

  #askLimits(log: TaskLog): Promise<void> {
    const { step, node } = this.#options
    return step.limits.ask(log, topicsWrittenBy(node), this.#nowUs())
  }

  async #openSink(
    { definition, config }: SinkOutput,
    stored: readonly StateChange[],
    signal: AbortSignal,
  ): Promise<void> {
    const { environment, node, clock, random, events, meter } = this.#options
    const memory = sinkMemory(stored)
    this.#sink = new SinkWriter(definition.create(config, environment, memory), memory, {
      retry: node.settings.retry,
      clock,
      random,
      events,
      keepTrying: (attempt, until) => this.#retry(attempt, until),
      operations: meter.operations,
    })
    const state = await this.#sink.begin(signal)
    if (state !== null && state.length > 0) {
      await this.#log!.commit({ outputs: [], state, next: [] })
    }
  }

  async #close(): Promise<void> {
    const { board } = this.#options
    board.setBusy(this.id)
    try {
      const closed = await Promise.allSettled([
        this.#input?.close(),
        this.#sink?.close(),
        this.#async?.close(),
      ])
      for (const result of closed) if (result.status === 'rejected') throw result.reason
    } finally {
      await this.#log?.close()
      if (this.phase === 'ended') board.end(this.id)
      else this.phase = 'stopped'
    }
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { board, follow } = this.#options
    let waitMs = 0
    while (!signal.aborted) {
      if (this.#timers!.isFull) await this.#untilRoom(signal)
      const hasEnd = this.#upstreamHasEnded()
      const silent = this.#silentWriters()
      if (waitMs > 0) this.#beQuiet()
      const slice = await this.#pull(hasEnd && !follow ? 0 : waitMs, signal)
      if (signal.aborted) return
      if (slice !== null && slice !== 'end') {
        this.#beBusy()
        waitMs = 0
        // Beside the work: nobody waits for the answer.
        if (this.#options.step.limits.isDue(this.#nowUs()))
          this.#askLimits(this.#log!).catch(() => {})
        await this.#process(slice, signal)
        await this.#runDue(signal)
      } else if (slice === 'end' || hasEnd) {
        await this.#finish(signal)
        if (!follow) return
        board.end(this.id)
        if (slice === 'end') return
        await this.#runDue(signal)
        waitMs = Math.max(1, this.#timers!.untilDueMs)
      } else {
        // Nothing is waiting: let the last commit return before this task calls itself quiet.
        if (!(await this.#untilCommitted())) return
        await this.#runDue(signal)
        await this.#noteSilent(silent, signal)
        // Who has fallen silent during the wait may have written just before: one more look tells.
        waitMs = waitMs > 0 ? 0 : this.#waitMs()
      }
    }
  }

  /** Back-pressure: what the steps hold back leaves by the clock, and nothing is read until then. */
  async #untilRoom(signal: AbortSignal): Promise<void> {
    while (this.#timers!.isFull && !signal.aborted) {
      this.#beBusy()
      this.phase = 'blocked'
      await this.#options.clock.sleep(Math.max(1, this.#timers!.untilDueMs), signal)
      if (!signal.aborted) await this.#runDue(signal)
    }
    this.phase = 'working'
  }

  async #pull(waitMs: number, signal: AbortSignal): Promise<InputSlice | null | 'end'> {
    if (this.node.input.kind === 'source') return this.#readSource(signal)
    const next = (wake: AbortSignal) => this.#next(waitMs, wake)
    return waitMs === 0 ? next(signal) : this.#options.board.untilChange(signal, next)
  }

  async #readSource(signal: AbortSignal): Promise<InputSlice | null | 'end'> {
    let isReading = true
    const beQuiet = () => {
      if (isReading && this.phase !== 'blocked') this.#beQuiet()
    }
    // What is not yet committed, perhaps because the disk is full, is still to come for readers.
    this.#commits!.afterCurrent(beQuiet)
    try {
      return await this.#retry(() => this.#next(0, signal), signal)
    } finally {
      isReading = false
    }
  }

  #next(waitMs: number, signal: AbortSignal): Promise<InputSlice | null | 'end'> {
    const { meter, clock } = this.#options
    return meter.operations.timed('poll', clock, () => this.#input!.next({ waitMs, signal }))
  }

  #upstreamHasEnded(): boolean {
    const { endingTasks, board } = this.#options
    return endingTasks !== null && endingTasks.every((id) => board.hasEnded(id))
  }

  async #process(slice: InputSlice, signal: AbortSignal): Promise<void> {
    const { step, events } = this.#options
    const pulledUs = this.#nowUs()
    this.#queue!.pulled(slice.records)
    const prepared = (await this.#async?.work(slice.parts, signal)) ?? null
    if (this.#async !== null && prepared === null) return
    const trace = this.#options.tracing?.request(slice.parts, pulledUs) ?? null
    step.traceNext(trace)
    const elsewhere = this.#offer({ parts: slice.parts, pulledUs, trace })
    const result = elsewhere === null ? step.run(slice.parts, pulledUs, prepared) : await elsewhere
    result.stats.callsUs = this.#async?.workedUs ?? 0
    const caused = events.take()
    await this.#commits!.commit(result, { slice, caused, signal })
  }

  #offer(work: Pick<SliceWork, 'parts' | 'pulledUs' | 'trace'>): Promise<StepResult> | null {
    const { executor, pipeline, node, taskIndex, step } = this.#options
    if (executor === null) return null
    const limits = step.limits.all
    return executor.offer({ pipeline, node: node.id, taskIndex, limits, ...work })
  }

  async #retry<Result>(
    attempt: () => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result | null> {
    const { clock, random, node } = this.#options
    const { backoff } = node.settings.retry
    const standstill = this.#standstill
    return retryWhileUnavailable(attempt, {
      backoff,
      clock,
      random,
      signal,
      onBlocked: (error) => standstill.blocked(error),
      onUnblocked: () => standstill.unblocked(),
      onRetry: (error) => standstill.retried(error),
    })
  }

  async #runDue(signal: AbortSignal): Promise<void> {
    if (this.#timers!.untilDueMs > 0) return
    this.#traceNext()
    const result = this.#timers!.run()
    if (result === null) return
    await this.#commits!.commit(result, {
      slice: null,
      caused: this.#options.events.take(),
      signal,
    })
  }

  #silentWriters(): readonly WriterProgress[] {
    return this.node.needsEventTime ? silentWriters(this.#options.tracker, this.#idleRule()) : []
  }

  async #noteSilent(silent: readonly WriterProgress[], signal: AbortSignal): Promise<void> {
    if (silent.length === 0) return
    const { tracker, step, events } = this.#options
    tracker.silence(silent)
    this.#traceNext()
    const result = step.advance({ isSilent: expectsOnlySilent(tracker) })
    await this.#commits!.commit(result, { slice: null, caused: events.take(), signal })
  }

  #idleRule() {
    return { board: this.#options.board, nowUs: this.#nowUs(), idleMs: this.node.settings.idleMs }
  }

  #waitMs(): number {
    const { node, tracker } = this.#options
    const untilIdleMs = node.needsEventTime
      ? untilNextIdleMs(tracker, this.#idleRule())
      : Number.POSITIVE_INFINITY
    return Math.max(1, Math.min(this.#timers!.untilDueMs, untilIdleMs))
  }

  async #finish(signal: AbortSignal): Promise<void> {
    if (this.#hasFinished) return
    this.#traceNext()
    const result = this.#options.step.finish()
    await this.#commits!.commit(result, {
      slice: null,
      caused: this.#options.events.take(),
      signal,
    })
    await this.#untilCommitted()
    this.#hasFinished = !signal.aborted
  }

  /** What comes out without records going in. */
  #traceNext(): void {
    const { step, tracing } = this.#options
    step.traceNext(tracing?.request([], this.#nowUs()) ?? null)
  }

  #beQuiet(): void {
    const nowUs = this.#nowUs()
    this.phase = 'waiting'
    this.#queue?.quiet(nowUs)
    this.#options.board.setQuiet(this.id, nowUs)
  }

  #beBusy(): void {
    this.phase = 'working'
    this.#options.board.setBusy(this.id)
  }

  #nowUs(): number {
    return this.#options.clock.monotonicUs()
  }
}
