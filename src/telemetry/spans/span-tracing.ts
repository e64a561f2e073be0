import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type {
  CommittedTraces,
  SpanCounts,
  SpanReserve,
  TracedHook,
  TracedReplay,
  Tracing,
} from '../../core/telemetry.ts'
import { TokenBucket } from '../../core/token-bucket.ts'
import type { SpanMaker } from './make-spans.ts'
import type { SpanQueue } from './span-queue.ts'

/** Of a process, which takes some hundredth of a core. */
const maxSpansPerSecond = 1_000
/** `wait`, `process` and `send`. */
const spansPerRecord = 3
/** Of a trace that begins: those of its record in some more stages are to come. */
const spansPerTrace = 12
/** What traces that begin leave for those under way. */
const keptForOthers = maxSpansPerSecond / 2
/** What calls of listeners that went well leave for records: many listeners must not tear traces. */
const keptFromHooks = maxSpansPerSecond / 4

export interface SpanTracingOptions {
  readonly maker: SpanMaker
  readonly queue: SpanQueue<ReadableSpan>
  readonly ratio: number | null
}

/** Makes spans of what was committed, as many as the limit allows, and queues them. */
export class SpanTracing implements Tracing {
  readonly ratio: number | null
  readonly #options: SpanTracingOptions
  readonly #limit = new TokenBucket({ perSecond: maxSpansPerSecond, burst: maxSpansPerSecond })
  #recordsLeftOut = 0
  #hooksLeftOut = 0

  constructor(options: SpanTracingOptions) {
    this.#options = options
    this.ratio = options.ratio
  }

  reserve(nowUs: number): SpanReserve {
    const left = this.#limit.available(nowUs)
    // Slices that are worked on at the same time find something too.
    const spans = Math.floor(left / 2)
    this.#limit.take(spans)
    return { spans, begins: Math.max(0, Math.floor((left - keptForOthers) / spansPerTrace)) }
  }

  settle(reserve: SpanReserve, spans: number): void {
    this.#limit.take(spans - reserve.spans)
  }

  committed(traces: CommittedTraces): void {
    const { maker, queue } = this.#options
    for (const record of traces.records)
      for (const span of maker.ofRecord(record, traces)) queue.add(span)
    for (const emit of traces.emits) queue.add(maker.ofEmit(emit, traces))
  }

  hooked(hook: TracedHook): void {
    const kept = hook.outcome === 'delivered' ? keptFromHooks : 0
    if (this.#limit.available(hook.endUs) <= kept) {
      this.#hooksLeftOut += 1
      return
    }
    this.#limit.take(1)
    this.#options.queue.add(this.#options.maker.ofHook(hook))
  }

  replayed(replay: TracedReplay): void {
    this.#options.queue.add(this.#options.maker.ofReplay(replay))
  }

  leftOut(records: number): void {
    this.#recordsLeftOut += records
  }

  get counts(): SpanCounts {
    const { exported, dropped } = this.#options.queue
    return {
      exported,
      dropped: {
        limit: spansPerRecord * this.#recordsLeftOut + this.#hooksLeftOut,
        ...dropped,
      },
      recordsLeftOut: this.#recordsLeftOut,
    }
  }
}
