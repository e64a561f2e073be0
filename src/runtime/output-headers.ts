import { type TraceContext, withTraceContext } from '../core/trace-context.ts'
import type { StageNode } from '../topology/topology.ts'
import { lateHeaders } from './dead-letter.ts'
import type { InputPart } from './slice.ts'
import { withoutSource, withSource } from './stored-source.ts'

/**
 * The headers of what a record of a part becomes: its own, byte for byte, and what the engine adds. A trace
 * context takes the place of the record's own; null leaves that as it is.
 */
export class OutputHeaders {
  /** Whether results say where their record came into the pipeline. */
  readonly writesSource: boolean
  readonly #readsSource: boolean
  readonly #stage: string

  constructor({ input, output, stage }: StageNode) {
    this.#readsSource = input.kind === 'topics' && input.tellsSource === true
    this.writesSource = output?.kind === 'topic' && output.tellsSource === true
    this.#stage = stage
  }

  /** Those that the record came with, without what the engine has added. */
  own({ batch }: InputPart, index: number): Uint8Array {
    const headers = batch.headerBytes(index)
    return this.#readsSource ? withoutSource(headers) : headers
  }

  /** Where the record came from stands last: there its readers look for it. */
  result(part: InputPart, index: number, context: TraceContext | null): Uint8Array {
    const { source } = part.origin
    const headers = this.#traced(part, index, context)
    return this.writesSource && source !== null ? withSource(headers, source(index)) : headers
  }

  late(part: InputPart, index: number, context: TraceContext | null): Uint8Array {
    const { topic, partition, baseOffset } = part.origin
    const offset = topic === null ? null : Number(baseOffset) + part.batch.offsetDelta[index]!
    const origin = { stage: this.#stage, topic, partition, offset }
    return lateHeaders(this.#traced(part, index, context), origin)
  }

  #traced(part: InputPart, index: number, context: TraceContext | null): Uint8Array {
    const headers = this.own(part, index)
    return context === null ? headers : withTraceContext(headers, context)
  }
}
