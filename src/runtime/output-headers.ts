import { type TraceContext, withoutTraceContext, withTraceContext } from '../core/trace-context.ts'
import type { StageNode } from '../topology/topology.ts'
import { lateHeaders } from './dead-letter.ts'
import type { InputPart } from './slice.ts'
import { withoutSource, withSource } from './stored-source.ts'

/** The context that is to take the place of the record's own; or that one stays, or there is to be none. */
export type HeaderTrace = TraceContext | 'own' | 'none'

/** The headers of what a record of a part becomes: its own, byte for byte, and what the engine adds. */
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

  /** Those that a record was held back with. */
  made(headers: Uint8Array): Uint8Array {
    return this.#readsSource && headers.length > 0 ? withoutSource(headers) : headers
  }

  /** Where the record came from stands last: there its readers look for it. */
  result(part: InputPart, index: number, trace: HeaderTrace): Uint8Array {
    const { source } = part.origin
    const headers = this.#traced(part, index, trace)
    return this.writesSource && source !== null ? withSource(headers, source(index)) : headers
  }

  late(part: InputPart, index: number, trace: HeaderTrace): Uint8Array {
    const { topic, partition, baseOffset } = part.origin
    const offset = topic === null ? null : Number(baseOffset) + part.batch.offsetDelta[index]!
    const origin = { stage: this.#stage, topic, partition, offset }
    return lateHeaders(this.#traced(part, index, trace), origin)
  }

  #traced(part: InputPart, index: number, trace: HeaderTrace): Uint8Array {
    const headers = this.own(part, index)
    if (trace === 'own') return headers
    return trace === 'none' ? withoutTraceContext(headers) : withTraceContext(headers, trace)
  }
}
