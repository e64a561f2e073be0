import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Log, TaskLog } from '../core/log.ts'
import { RecordBatchBuilder } from '../core/record-batch-builder.ts'
import { emptyBytes, type RecordBatch } from '../core/record-batch.ts'
import type { HookMeterData } from './hook-meter.ts'
import { hookDelta, isEmptyDelta, meterDelta } from './meter-delta.ts'
import type { NodePart, PipelinePart, RunPart } from './run-part.ts'
import { encodeTimings, timingsTopic } from './timings-record.ts'

/** How often what was measured is written; a first time soon, so that a run that has just begun is seen. */
const everyMs = 10_000
const firstMs = 2_000
/** A node with nothing to do says so this often. */
const aliveMs = 60_000
/** What the end of a run waits for its last timings. */
const endMs = 2_000
/** The same where the run has taken its time to stop, perhaps because the log does not answer. */
const lateEndMs = 500
const retentionMs = 7 * 86_400_000
const historyTask = '_millrace.timings/0'

export interface TimingsHistoryOptions {
  readonly log: Log
  readonly clock: Clock
  /** Of this process: no two have the same. */
  readonly worker: string
  /** All that was measured since the run began. */
  readonly part: () => Promise<RunPart>
  /** Whether the topic may be made. */
  readonly creates: boolean
  readonly notice: (message: string) => void
}

/** What was written of a node last. */
interface Written {
  readonly toUs: number
  readonly node: NodePart
  readonly outcome: PipelinePart['outcome']
  readonly hooks: ReadonlyMap<string, HookMeterData>
}

/**
 * Keeps in the log what was measured, for `millrace report`. It never holds a run up: one write is under way
 * at a time, and what could not be written is part of the next one.
 */
export class TimingsHistory {
  readonly #options: TimingsHistoryOptions
  readonly #startedUs: number
  #written = new Map<string, Written>()
  #task: TaskLog | null = null
  #writing: Promise<boolean> | null = null
  /** Times that nothing could be written, since the last one that could. */
  #missed = 0
  #problem = ''
  #isTold = false

  constructor(options: TimingsHistoryOptions) {
    this.#options = options
    this.#startedUs = options.clock.monotonicUs()
  }

  /** Writes now and then until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    for (let waitMs = firstMs; !signal.aborted; waitMs = everyMs) {
      await clock.sleep(waitMs, signal)
      if (!signal.aborted) this.#tick()
    }
  }

  /** Writes what is left, waits a little for it, and says what is missing; never rejects. */
  async close({ isLate = false }: { readonly isLate?: boolean } = {}): Promise<void> {
    const { clock, notice } = this.#options
    const waiting = new AbortController()
    const late = clock.sleep(isLate ? lateEndMs : endMs, waiting.signal).then(() => false)
    const isDone = await Promise.race([this.#finish(), late])
    waiting.abort()
    if (isDone) return
    const why = this.#problem === '' ? 'the log did not answer in time' : this.#problem
    notice(
      `\`millrace report\` misses the end of this run: its timings could not be written ${showTimes(this.#missed + 1)}: ${why}`,
    )
  }

  async #finish(): Promise<boolean> {
    await this.#writing
    const isDone = await this.#write(true)
    if (isDone) await this.#task?.close().catch(() => {})
    return isDone
  }

  #tick(): void {
    if (this.#writing !== null) {
      this.#missed += 1
      return
    }
    const writing = this.#write(false)
    this.#writing = writing
    void writing.then(() => (this.#writing = null))
  }

  /** Never rejects. @returns whether it was written. */
  async #write(isLast: boolean): Promise<boolean> {
    try {
      const { written, batch } = this.#batch(await this.#options.part(), isLast)
      if (batch === null) return true
      const task = await this.#opened()
      if (task === null) return true
      const outputs = [{ topic: timingsTopic, partition: 0, batch }]
      await task.commit({ outputs, state: [], next: [] })
      this.#written = written
      this.#missed = 0
      return true
    } catch (error) {
      this.#missed += 1
      this.#problem = messageOf(error)
      // Another one is opened the next time.
      this.#task = null
      this.#tell(
        `the timings for \`millrace report\` could not be written, which does not touch the records: ${this.#problem}`,
      )
      return false
    }
  }

  /** null where the topic is missing and must not be made. */
  async #opened(): Promise<TaskLog | null> {
    if (this.#task !== null) return this.#task
    const { log, creates } = this.#options
    const topic = { name: timingsTopic, partitions: 1, retentionMs }
    if (creates) await log.admin.ensureTopics([topic])
    else if ((await log.admin.describeTopics([timingsTopic])).length === 0) {
      this.#tell(
        `the topic ${timingsTopic} is missing: \`millrace report\` will know nothing of this run`,
      )
      return null
    }
    this.#task = await log.openTask({
      id: historyTask,
      group: timingsTopic,
      inputs: [],
      start: 'earliest',
      delivery: 'at_least_once',
    })
    return this.#task
  }

  #tell(message: string): void {
    if (this.#isTold) return
    this.#isTold = true
    this.#options.notice(message)
  }

  #batch(
    part: RunPart,
    isLast: boolean,
  ): { readonly written: Map<string, Written>; readonly batch: RecordBatch | null } {
    const { clock, worker } = this.#options
    const toUs = clock.monotonicUs()
    const times = { timestampMs: clock.wallMs(), eventTimeMs: Number.NaN }
    const builder = new RecordBatchBuilder('')
    const written = new Map(this.#written)
    for (const { pipeline, outcome, nodes, hooks = [] } of part) {
      for (const [order, node] of nodes.entries()) {
        const key = `${pipeline}.${node.id}`
        const before = written.get(key) ?? null
        const isFirstOfStage = nodes.findIndex(({ stage }) => stage === node.stage) === order
        const own = isFirstOfStage ? hooks.filter(({ stage }) => stage === node.stage) : []
        const known = new Map(own.map(({ meter }) => [`${meter.event} ${meter.listener}`, meter]))
        const meter = meterDelta(node.meter, before?.node.meter ?? null)
        if (!isLast && before !== null && isQuiet({ meter, node, outcome, before, toUs })) continue
        const value = encodeTimings({
          worker,
          runUs: this.#startedUs,
          fromUs: before?.toUs ?? this.#startedUs,
          toUs,
          pipeline,
          outcome,
          order,
          node: { ...node, meter },
          hooks: [...known].map(([name, now]) => hookDelta(now, before?.hooks.get(name) ?? null)),
        })
        builder.append({
          key,
          value,
          headers: emptyBytes,
          times: { ...times, ingestUs: toUs, waitUs: 0, runUs: 0 },
        })
        written.set(key, { toUs, node, outcome, hooks: known })
      }
    }
    return { written, batch: builder.count === 0 ? null : builder.finish() }
  }
}

/** Whether there is nothing to say, and it was said not long ago. */
function isQuiet(of: {
  readonly meter: NodePart['meter']
  readonly node: NodePart
  readonly outcome: PipelinePart['outcome']
  readonly before: Written
  readonly toUs: number
}): boolean {
  const { meter, node, outcome, before, toUs } = of
  const isSame =
    node.phase === before.node.phase && node.lag === before.node.lag && outcome === before.outcome
  return isSame && isEmptyDelta(meter) && toUs - before.toUs < 1_000 * aliveMs
}

function showTimes(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}
