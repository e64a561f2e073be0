import {
  findTraceparent,
  flagsOf,
  locateTraceparent,
  type TraceContext,
  traceContextAt,
  traceFlag,
} from '../core/trace-context.ts'
import type { InputPart, StepEnvironment } from './slice.ts'

/** A `tracestate` has 32 members at most, of which one is ours. */
const maxOtherMembers = 31
const memberKey = 'millrace='

/** Reads the trace contexts of a part's records, and tells those of this pipeline from those of others. */
export class RecordContexts {
  readonly #environment: StepEnvironment
  readonly #ownMember: string
  #isOwn = false
  #data: Buffer = Buffer.alloc(0)
  #valueEnd: Uint32Array = new Uint32Array(0)
  #headersEnd: Uint32Array = new Uint32Array(0)

  constructor(environment: StepEnvironment) {
    this.#environment = environment
    this.#ownMember = `${memberKey}${environment.ownWriters.slice(0, -1)}`
  }

  /** Whether any record of the part has headers. */
  usePart({ batch }: InputPart): boolean {
    const { data, valueEnd, headersEnd } = batch.layout
    this.#isOwn = batch.writer.startsWith(this.#environment.ownWriters)
    this.#data = data
    this.#valueEnd = valueEnd
    this.#headersEnd = headersEnd
    return headersEnd.some((end, index) => end !== valueEnd[index])
  }

  /** Where the context of a record stands; -1 where it has none. */
  find(index: number): number {
    const start = this.#valueEnd[index]!
    const end = this.#headersEnd[index]!
    return start === end ? -1 : findTraceparent(this.#data, start, end)
  }

  /** Whether the record says that it is of a sampled trace, valid or not: cheaper than `find`. */
  claimsSampled(index: number): boolean {
    const start = this.#valueEnd[index]!
    const end = this.#headersEnd[index]!
    return start !== end && this.isSampled(locateTraceparent(this.#data, start, end))
  }

  isSampled(at: number): boolean {
    return at !== -1 && (flagsOf(this.#data, at) & traceFlag.sampled) !== 0
  }

  read(index: number, at: number): TraceContext {
    const headers = { start: this.#valueEnd[index]!, end: this.#headersEnd[index]! }
    return traceContextAt(this.#data, headers, at)
  }

  /** The context of a record; null where it has none, or one that is not to be looked at. */
  of(index: number): TraceContext | null {
    const at = this.find(index)
    const context = at === -1 ? null : this.read(index, at)
    return context !== null && this.isIgnored(context) ? null : context
  }

  isIgnored(context: TraceContext): boolean {
    return this.#environment.tracing.continues === 'off' && this.isForeign(context)
  }

  /**
   * Whether the context is from outside, and that matters. A stage hands headers on that it does not
   * look at, so that those of its own records are told by a member of their `tracestate`.
   */
  isForeign({ state }: TraceContext): boolean {
    if (this.#environment.tracing.continues === 'parent') return false
    return !this.#isOwn || !state.split(',').includes(this.#ownMember)
  }

  /** The `tracestate` of what is sent. */
  sentState(state: string): string {
    if (this.#environment.tracing.continues === 'parent') return state
    const others = state.split(',').filter((each) => each !== '' && !each.startsWith(memberKey))
    return [this.#ownMember, ...others.slice(0, maxOtherMembers)].join(',')
  }
}
