import type { OperatorEnvironment } from '../core/async-operator.ts'
import type { Clock } from '../core/clock.ts'
import { invariant, RecordFailure } from '../core/errors.ts'
import { traceContextOf, traceparentOf } from '../core/trace-context.ts'
import type { StageNode } from '../topology/topology.ts'
import { AsyncSegment, type AsyncSegmentOptions } from './async-segment.ts'
import { decodeProblem, decodeValue } from './decode-value.ts'
import { PreparedRecord, type PreparedSlice } from './prepared-record.ts'
import { recordFailureOf } from './record-failure.ts'
import { recordSpanId } from './seen-record.ts'
import { segmentsOf } from './segments.ts'
import type { InputPart } from './slice.ts'
import { withStoredSource } from './stored-source.ts'

export interface AsyncStepsOptions extends Pick<
  AsyncSegmentOptions,
  'clock' | 'random' | 'trouble'
> {
  readonly node: StageNode
  readonly pipeline: string
  /** null where no step needs it. */
  readonly operators: OperatorEnvironment | null
  /** null: nothing is traced. */
  readonly tracing: object | null
}

/**
 * The steps of a task up to the last one that waits for something outside. They are run for a whole
 * slice before its step: what that commits depends on their results alone, not on when they came.
 */
export class AsyncSteps {
  readonly #node: StageNode
  readonly #segments: readonly AsyncSegment[]
  readonly #close: () => Promise<void>
  readonly #clock: Clock
  /** How long the last slice took, µs. */
  workedUs = 0

  private constructor(
    node: StageNode,
    opened: {
      readonly segments: readonly AsyncSegment[]
      readonly close: () => Promise<void>
      readonly clock: Clock
    },
  ) {
    this.#node = node
    this.#clock = opened.clock
    this.#segments = opened.segments
    this.#close = opened.close
  }

  /** null where no step of the node waits. @throws PipelineError CONFIG_FILE, as operators do. */
  static async open(options: AsyncStepsOptions): Promise<AsyncSteps | null> {
    const { node, operators: environment, pipeline } = options
    const isTraced = options.tracing !== null
    const { segments } = segmentsOf(node.steps)
    if (segments.length === 0) return null
    invariant(environment !== null, 'a run with asynchronous steps has an environment for them')
    const { concurrency, retry } = node.settings
    const operators: AsyncSegmentOptions['operator'][] = []
    const close = async () => {
      await Promise.all(operators.map((operator) => operator.close()))
    }
    try {
      const opened: AsyncSegment[] = []
      for (const segment of segments) {
        const { definition, config, id: step } = segment.call
        invariant(definition.kind === 'async', 'a segment ends in a step that waits')
        const place = { pipeline, stage: node.stage, step, concurrency }
        const operator = await definition.create(config, environment, place)
        operators.push(operator)
        opened.push(
          new AsyncSegment({
            ...options,
            isTraced,
            segment,
            operator,
            stage: node.stage,
            concurrency,
            retry,
          }),
        )
      }
      return new AsyncSteps(node, { segments: opened, close, clock: options.clock })
    } catch (thrown) {
      await close()
      throw thrown
    }
  }

  /** null when the signal has aborted: the slice comes again then. */
  async work(parts: readonly InputPart[], signal: AbortSignal): Promise<PreparedSlice | null> {
    const startUs = this.#clock.monotonicUs()
    const { input } = this.#node
    const tellsSource = input.kind === 'topics' && input.tellsSource === true
    const prepared = parts.map((part) => this.#prepare(tellsSource ? withStoredSource(part) : part))
    const records = prepared.flatMap((each) => each.flatMap((record) => record ?? []))
    for (const segment of this.#segments) {
      await segment.work(records, signal)
      if (signal.aborted) return null
    }
    this.workedUs = this.#clock.monotonicUs() - startUs
    return prepared
  }

  close(): Promise<void> {
    return this.#close()
  }

  #prepare(part: InputPart): (PreparedRecord | undefined)[] {
    const { batch, from, failures, origin } = part
    const prepared: (PreparedRecord | undefined)[] = []
    for (let index = from; index < batch.count; index++) {
      if (batch.isMarker(index) || failures.has(index)) continue
      const made = new PreparedRecord()
      made.record.moveTo(batch, index, origin)
      made.traceparent = this.#traceparent(part, index)
      this.#decode(made)
      prepared[index] = made
    }
    return prepared
  }

  #decode(made: PreparedRecord): void {
    if (this.#node.decode === 'raw') {
      made.values = [null]
      return
    }
    try {
      made.values = [decodeValue(made.record)]
    } catch (thrown) {
      const failure = new RecordFailure(
        'RECORD_DECODE',
        `the value is no JSON${decodeProblem(thrown)}`,
      )
      made.failure = recordFailureOf(failure, { step: null, stage: this.#node.stage })
    }
  }

  /** Under which the peer goes on with the trace of the record: the span of the record in this stage, if it has one. */
  #traceparent({ batch, origin }: InputPart, index: number): string | null {
    const headers = batch.headerBytes(index)
    const context = headers.length === 0 ? null : traceContextOf(headers)
    if (context === null) return null
    const { topic, partition, baseOffset } = origin
    if (topic === null || (context.flags & 1) === 0) return traceparentOf(context)
    const offset = baseOffset + BigInt(batch.offsetDelta[index]!)
    const subject = [topic, partition, offset, batch.ingestUs[index]!]
    const { id: node } = this.#node
    const spanId = recordSpanId(context.traceId, 'process', { subject, node })
    return traceparentOf({ ...context, spanId })
  }
}
