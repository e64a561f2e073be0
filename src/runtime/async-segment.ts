import { type AsyncResult, defaultConcurrency } from '../core/async-operator.ts'
import type { Clock } from '../core/clock.ts'
import { invariant } from '../core/errors.ts'
import type { JsonValue } from '../core/json.ts'
import type { DropReason } from '../core/operator.ts'
import type { StepRecord } from '../core/step-record.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import { PeerCalls, type PeerCallsOptions } from './peer-calls.ts'
import type { PreparedRecord } from './prepared-record.ts'
import { recordFailureOf } from './record-failure.ts'
import type { Segment } from './segments.ts'
import { isTrue, type Link, StepLink, type StepTrack } from './step-link.ts'

export interface AsyncSegmentOptions extends Omit<PeerCallsOptions, 'step'> {
  readonly segment: Segment
  readonly stage: string
  /** Records of different keys that are worked on at once. */
  readonly concurrency: number | null
}

/** Records that are worked on one after the other. */
type Lane = PreparedRecord | PreparedRecord[]

/** An asynchronous step with the steps that lead to it, over all records of a slice. */
export class AsyncSegment implements StepTrack {
  currentStep: string | null = null
  readonly #options: AsyncSegmentOptions
  readonly #calls: PeerCalls
  readonly #clock: Clock
  readonly #front: Link
  /** The record at hand in the steps that lead to the call, and what comes out of them. */
  #at: PreparedRecord | null = null
  #values: JsonValue[] = []

  constructor(options: AsyncSegmentOptions) {
    this.#options = options
    this.#clock = options.clock
    const { segment } = options
    this.#calls = new PeerCalls({ ...options, step: segment.call.id })
    const links = segment.before.map((step) => {
      const { definition, config } = step
      invariant(definition.kind === 'stateless', 'no state comes before a step that waits')
      return new StepLink(this, step, definition.create(config))
    })
    const last: Link = { accept: (record) => void this.#values.push(record.value) }
    for (const [index, link] of links.entries()) link.next = links[index + 1] ?? last
    this.#front = links[0] ?? last
  }

  drop(reason: DropReason, step: string): void {
    drop(this.#at!, reason, step)
  }

  /**
   * Takes all records through the step, each where it is not dropped or failed already. Returns when
   * all have ended, or the signal has aborted.
   * @throws anything that is no failure of a record.
   */
  async work(records: readonly PreparedRecord[], signal: AbortSignal): Promise<void> {
    const { concurrency, operator } = this.#options
    const live = records.filter(({ values }) => values.length > 0)
    const lanes = operator.inFlight === undefined ? byKey(live) : live
    const over = new AbortController()
    // Asking a signal that is made of several is slow, and every record asks.
    const until = over.signal
    const stop = () => over.abort()
    if (signal.aborted) return
    signal.addEventListener('abort', stop, { once: true })
    let next = 0
    const take = async () => {
      for (let lane = lanes[next++]; lane !== undefined; lane = lanes[next++]) {
        const taken = Array.isArray(lane) ? this.#runLane(lane, until) : this.#run(lane, until)
        if (taken !== undefined) await taken
        if (until.aborted) return
      }
    }
    const atOnce = Math.min(lanes.length, operator.inFlight ?? concurrency ?? defaultConcurrency)
    try {
      await unlessAborted(Promise.all(Array.from({ length: atOnce }, take)), signal)
    } finally {
      signal.removeEventListener('abort', stop)
      over.abort()
    }
  }

  async #runRest(
    lane: readonly PreparedRecord[],
    from: number,
    signal: AbortSignal,
  ): Promise<void> {
    for (let index = from; index < lane.length; index++) await this.#run(lane[index]!, signal)
  }

  #runLane(lane: readonly PreparedRecord[], signal: AbortSignal): Promise<void> | undefined {
    for (let index = 0; index < lane.length; index++) {
      const taken = this.#run(lane[index]!, signal)
      if (taken !== undefined) return taken.then(() => this.#runRest(lane, index + 1, signal))
    }
    return undefined
  }

  /** Undefined where nothing had to be waited for: a promise for each record costs more than many a call. */
  #run(of: PreparedRecord, signal: AbortSignal): Promise<void> | undefined {
    if (signal.aborted) return undefined
    const startUs = this.#clock.monotonicUs()
    if (Number.isNaN(of.startUs)) of.startUs = startUs
    const before = of.backoffUs
    try {
      const values = this.#lead(of)
      const value = values[0]!
      if (values.length !== 1) return this.#wait(of, this.#several(of, values, signal), startUs)
      if (this.#isMeant(of.record, value)) {
        const result = this.#calls.call(of, value, signal)
        if (result instanceof Promise)
          return this.#wait(
            of,
            result.then((late) => this.#taken(of, late)),
            startUs,
          )
        of.values = this.#taken(of, result)
      } else of.values = [value]
    } catch (thrown) {
      this.#fail(of, thrown)
    }
    of.runUs += this.#clock.monotonicUs() - startUs - (of.backoffUs - before)
    return undefined
  }

  async #wait(
    of: PreparedRecord,
    values: Promise<readonly JsonValue[]>,
    startUs: number,
  ): Promise<void> {
    const before = of.backoffUs
    try {
      of.values = await values
    } catch (thrown) {
      this.#fail(of, thrown)
    }
    of.runUs += this.#clock.monotonicUs() - startUs - (of.backoffUs - before)
  }

  #fail(of: PreparedRecord, thrown: unknown): void {
    const at = { step: this.#options.segment.call.id, stage: this.#options.stage }
    of.failure = recordFailureOf(thrown, at)
    of.values = []
  }

  /** The values that the steps before the call make of the record. */
  #lead(of: PreparedRecord): readonly JsonValue[] {
    const { before } = this.#options.segment
    if (before.length === 0) return of.values
    this.#at = of
    this.#values = []
    try {
      for (const value of of.values) {
        of.record.value = value
        this.#front.accept(of.record)
      }
    } catch (thrown) {
      throw recordFailureOf(thrown, { step: this.currentStep, stage: this.#options.stage })
    }
    return this.#values
  }

  async #one(
    of: PreparedRecord,
    value: JsonValue,
    signal: AbortSignal,
  ): Promise<readonly JsonValue[]> {
    if (!this.#isMeant(of.record, value)) return [value]
    return this.#taken(of, await this.#calls.call(of, value, signal))
  }

  async #several(
    of: PreparedRecord,
    values: readonly JsonValue[],
    signal: AbortSignal,
  ): Promise<JsonValue[]> {
    if (this.#options.operator.inFlight !== undefined) {
      const all = await Promise.all(values.map((value) => this.#one(of, value, signal)))
      return all.flat()
    }
    const taken: JsonValue[] = []
    for (const value of values) taken.push(...(await this.#one(of, value, signal)))
    return taken
  }

  /** Whether the step is not left out by its `if`. */
  #isMeant(record: StepRecord, value: JsonValue): boolean {
    const { call } = this.#options.segment
    if (call.if === null) return true
    record.value = value
    return isTrue(call.if(record))
  }

  #taken(of: PreparedRecord, result: AsyncResult | null): readonly JsonValue[] {
    if (result === null) return []
    if (typeof result !== 'string' && result.length > 0) return result
    const reason = typeof result === 'string' ? result : 'filtered'
    drop(of, reason, this.#options.segment.call.id)
    return []
  }
}

function drop(of: PreparedRecord, reason: DropReason, step: string): void {
  if (of.drops.length === 0) of.drops = [{ reason, step }]
  else of.drops.push({ reason, step })
}

/** Those of one key one after the other; a record without a key waits for none. */
function byKey(records: readonly PreparedRecord[]): readonly Lane[] {
  const lanes: Lane[] = []
  const known = new Map<string, PreparedRecord[]>()
  for (const prepared of records) {
    const { key } = prepared.record
    const lane = key === null ? undefined : known.get(key)
    if (lane !== undefined) lane.push(prepared)
    else if (key === null) lanes.push(prepared)
    else {
      const begun = [prepared]
      known.set(key, begun)
      lanes.push(begun)
    }
  }
  return lanes
}
