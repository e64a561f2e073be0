import type { Clock } from '../core/clock.ts'
import type { EndpointDrop } from '../core/endpoint-drops.ts'
import { asPipelineError } from '../core/errors.ts'
import type { TaskCommit } from '../core/log.ts'
import { type HistogramData, LatencyHistogram } from './latency-histogram.ts'

/** What tasks wait for: a slice, a sink that takes the results, a commit. */
export type Operation = 'poll' | 'send' | 'commit'

/** The same as plain data, for another process. */
export interface OperationData {
  readonly durations: readonly (readonly [
    operation: Operation,
    error: string | null,
    durations: HistogramData,
  ])[]
  /** Measured over predicted wait, in millionths. */
  readonly waitRatio: HistogramData
  readonly sent: readonly (readonly [topic: string, count: number])[]
  readonly retries: readonly (readonly [code: string, count: number])[]
  readonly windows: number
  /** Dead letters that came back. */
  readonly replayed: number
  readonly endpointDrops?: readonly (readonly [drop: string, count: number])[]
}

/** As a histogram has no unit: a ratio of 1 is one million in it. */
const ratioScale = 1e6

/** What metrics tell of the tasks of one node beside its records: it costs by the slice, not by the record. */
export class OperationMeter {
  readonly #durations = new Map<string, [Operation, string | null, LatencyHistogram]>()
  readonly #waitRatio = new LatencyHistogram()
  readonly #sent = new Map<string, number>()
  readonly #retries = new Map<string, number>()
  readonly #endpointDrops = new Map<string, number>()
  #windows = 0
  #replayed = 0

  /**
   * Measures an operation, also one that fails; one that found nothing there counts for nothing.
   * @throws what the operation throws.
   */
  async timed<Result extends object | null | 'end'>(
    operation: Operation,
    clock: Clock,
    attempt: () => Promise<Result>,
  ): Promise<Result> {
    const startUs = clock.monotonicUs()
    try {
      const result = await attempt()
      if (result !== null && result !== 'end')
        this.#of(operation, null).add(clock.monotonicUs() - startUs)
      return result
    } catch (thrown) {
      this.#of(operation, asPipelineError(thrown).code).add(clock.monotonicUs() - startUs)
      throw thrown
    }
  }

  /** Another attempt begins because of this error. */
  retried(code: string): void {
    addTo(this.#retries, code, 1)
  }

  /** Outputs of a slice have been committed: its markers are no records. */
  sent(outputs: TaskCommit['outputs'], markers: { topic: string | null; count: number }): void {
    for (const { topic, batch } of outputs) addTo(this.#sent, topic, batch.count)
    if (markers.topic !== null && markers.count > 0)
      addTo(this.#sent, markers.topic, -markers.count)
  }

  /** The source or sink has refused or left out something; counted at once, as it may concern no record. */
  dropped(drop: EndpointDrop, count = 1): void {
    addTo(this.#endpointDrops, drop, count)
  }

  /** Windows of a slice have come out. */
  emitted(windows: number): void {
    this.#windows += windows
  }

  /** Dead letters of a slice have come back. */
  cameBack(records: number): void {
    this.#replayed += records
  }

  /** All records of a slice together; nothing is said where nothing was to be waited for. */
  waited(measuredUs: number, predictedUs: number): void {
    if (predictedUs > 0) this.#waitRatio.add((ratioScale * measuredUs) / predictedUs)
  }

  toData(): OperationData {
    return {
      durations: [...this.#durations.values()].map(([operation, error, durations]) => [
        operation,
        error,
        durations.toData(),
      ]),
      waitRatio: this.#waitRatio.toData(),
      sent: [...this.#sent],
      retries: [...this.#retries],
      windows: this.#windows,
      replayed: this.#replayed,
      endpointDrops: [...this.#endpointDrops],
    }
  }

  /** What another process measured of the same node. */
  addData(other: OperationData): void {
    const { durations, waitRatio, sent, retries, windows, replayed, endpointDrops } = other
    for (const [operation, error, data] of durations) this.#of(operation, error).addData(data)
    this.#waitRatio.addData(waitRatio)
    for (const [topic, count] of sent) addTo(this.#sent, topic, count)
    for (const [code, count] of retries) addTo(this.#retries, code, count)
    this.#windows += windows
    this.#replayed += replayed
    for (const [drop, count] of endpointDrops ?? []) addTo(this.#endpointDrops, drop, count)
  }

  #of(operation: Operation, error: string | null): LatencyHistogram {
    const key = `${operation} ${error ?? ''}`
    let found = this.#durations.get(key)
    if (found === undefined) {
      found = [operation, error, new LatencyHistogram()]
      this.#durations.set(key, found)
    }
    return found[2]
  }
}

function addTo(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count)
}
