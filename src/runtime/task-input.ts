import { RecordFailure } from '../core/errors.ts'
import type { Source } from '../core/endpoints.ts'
import type { JsonValue } from '../core/json.ts'
import type { StateChange, TaskCommit, TaskLog, TaskSpec } from '../core/log.ts'
import { isReplayWriter } from '../core/replay-header.ts'
import { replayedParts } from './replayed-parts.ts'
import type { InputPart } from './slice.ts'

/** Some 20 ms of work: long enough to make commits rare, short enough to keep the process responsive. */
const maxSliceRecords = 2_048
const maxSliceBytes = 1024 * 1024

export interface InputSlice {
  readonly parts: readonly InputPart[]
  readonly next: TaskCommit['next']
  readonly state: readonly StateChange[]
  readonly records: number
  /** To be called when the slice is committed. */
  readonly committed?: () => void
}

/** How far a task is behind, for one of its inputs. */
export interface InputBacklog {
  /** null: a source. */
  readonly topic: string | null
  readonly partition: number
  readonly records: number
  /** All that could be read before is taken: what waits has waited for no longer. Epoch µs; NaN where not known. */
  readonly sinceUs: number
}

export interface TaskInput {
  /** The next slice; null when nothing came within `waitMs` or the signal aborted; `end` of bounded input. */
  next(request: { waitMs: number; signal: AbortSignal }): Promise<InputSlice | null | 'end'>
  /** Records waiting. */
  lag(): Promise<number>
  /** The same by input. */
  backlog(): Promise<readonly InputBacklog[]>
  close(): Promise<void>
}

const noFailures: ReadonlyMap<number, RecordFailure> = new Map()

export class LogInput implements TaskInput {
  readonly #log: TaskLog
  readonly #inputs: TaskSpec['inputs']
  readonly #nowUs: () => number
  /** By input, as `InputBacklog.sinceUs`. */
  readonly #sinceUs: Float64Array

  constructor(log: TaskLog, inputs: TaskSpec['inputs'], nowUs: () => number) {
    this.#log = log
    this.#inputs = inputs
    this.#nowUs = nowUs
    this.#sinceUs = new Float64Array(inputs.length).fill(Number.NaN)
  }

  async next(request: { waitMs: number; signal: AbortSignal }): Promise<InputSlice | null> {
    const pulledUs = this.#nowUs()
    const batches = await this.#log.pull({
      maxRecords: maxSliceRecords,
      maxBytes: maxSliceBytes,
      ...request,
    })
    if (batches === null) {
      this.#sinceUs.fill(pulledUs)
      return null
    }
    const parts: InputPart[] = []
    const next = new Map<number, TaskCommit['next'][number]>()
    let records = 0
    for (const { topic, partition, baseOffset, batch, from, next: offset, visibleUs } of batches) {
      const input = this.#inputs.findIndex(
        (each) => each.topic === topic && each.partition === partition,
      )
      const origin = { topic, partition, baseOffset, source: null }
      const part = { input, batch, from, origin, visibleUs, failures: noFailures }
      if (isReplayWriter(batch.writer)) parts.push(...replayedParts(part))
      else parts.push(part)
      next.set(input, { topic, partition, offset })
      this.#sinceUs[input] = readableUs(batch, visibleUs)
      records += batch.count - from
    }
    return { parts, next: [...next.values()], state: [], records }
  }

  async lag(): Promise<number> {
    const byInput = await this.#log.lag()
    return byInput.reduce((sum, lag) => sum + lag, 0)
  }

  async backlog(): Promise<readonly InputBacklog[]> {
    const askedUs = this.#nowUs()
    const byInput = await this.#log.lag()
    return this.#inputs.map(({ topic, partition }, index) => {
      const records = byInput[index] ?? 0
      if (records === 0) this.#sinceUs[index] = askedUs
      return { topic, partition, records, sinceUs: this.#sinceUs[index]! }
    })
  }

  async close(): Promise<void> {}
}

/** When the last record of a batch could be read, or at least was written, epoch µs. */
function readableUs(batch: InputPart['batch'], visibleUs: number): number {
  const last = batch.count - 1
  if (!Number.isNaN(visibleUs) || last < 0) return visibleUs
  return batch.ingestUs[last]! + batch.waitUs[last]! + batch.runUs[last]!
}

/** Id under which a producer's task keeps the positions of its source, one key per split. */
export const sourceStep = '$source'

export class SourceInput implements TaskInput {
  readonly #source: Source

  constructor(source: Source) {
    this.#source = source
  }

  async next({ signal }: { signal: AbortSignal }): Promise<InputSlice | null | 'end'> {
    const slice = await this.#source.read({
      maxRecords: maxSliceRecords,
      maxBytes: maxSliceBytes,
      signal,
    })
    if (slice === null) return signal.aborted ? null : 'end'
    const failures = new Map(
      slice.failures.map(({ index, code, message }) => [index, new RecordFailure(code, message)]),
    )
    const origin = { topic: null, partition: 0, baseOffset: 0n, source: slice.info }
    const part = { input: 0, batch: slice.batch, from: 0, origin, visibleUs: Number.NaN, failures }
    const state = [...slice.positions].map(([split, position]) => ({
      step: sourceStep,
      key: split,
      value: position === null ? null : JSON.stringify(position),
      dueMs: null,
    }))
    const committed = () => this.#source.committed?.(slice.positions)
    return { parts: [part], next: [], state, records: slice.batch.count, committed }
  }

  async lag(): Promise<number> {
    return this.#source.lag?.() ?? 0
  }

  async backlog(): Promise<readonly InputBacklog[]> {
    if (this.#source.lag === undefined) return []
    return [{ topic: null, partition: 0, records: this.#source.lag(), sinceUs: Number.NaN }]
  }

  async close(): Promise<void> {
    await this.#source.close()
  }
}

export function sourcePositions(changes: readonly StateChange[]): Map<string, JsonValue> {
  return new Map(
    changes.flatMap(({ step, key, value }) =>
      step === sourceStep && value !== null ? [[key, JSON.parse(value) as JsonValue]] : [],
    ),
  )
}
