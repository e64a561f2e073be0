import type { Evaluate, Expression } from '../../core/expression.ts'
import { identityText } from '../../core/identity-text.ts'
import type { StatefulContext, StatefulOperator } from '../../core/operator.ts'
import type { Rate } from '../../core/rate.ts'
import type { StepRecord } from '../../core/step-record.ts'
import { decodeHeld, encodeHeld, hold, released, type HeldRecord } from './held-record.ts'
import { lately, passedCodec, type Passed } from './passed-times.ts'

/** What is known of a key: the records that wait are numbered from `first` up to before `next`. */
interface Queue {
  readonly passed: Passed
  readonly first: number
  readonly next: number
}

/** What it keeps: by key a queue, and each record that waits. */
export type Waiting = { readonly queue: Queue } | { readonly held: HeldRecord }
type Context = StatefulContext<Waiting>

const queuePrefix = 'q'
const heldPrefix = 'h'
const noQueue: Queue = { passed: [], first: 0, next: 0 }

/** Lets records wait for their turn, by the clock on the wall; those of a key keep their order. */
export class ThrottleQueues implements StatefulOperator<Waiting> {
  readonly codec = { encode: encodeWaiting, decode: decodeWaiting }
  readonly timers = 'wall'
  readonly maxBytes: number
  readonly flushEveryMs = null
  readonly #evaluate: Evaluate
  readonly #limit: Rate

  constructor(setting: {
    readonly by: Expression
    readonly limit: Rate
    readonly maxBytes: number
  }) {
    this.maxBytes = setting.maxBytes
    this.#evaluate = setting.by.evaluate
    this.#limit = setting.limit
  }

  process(record: StepRecord, context: Context): void {
    const key = identityText(this.#evaluate(record)) ?? ''
    const queue = queueOf(key, context)
    const { first, next } = queue
    const passed = lately(queue.passed, context.nowMs, this.#limit)
    if (first === next && passed.length < this.#limit.count) {
      this.#put(key, { passed: [...passed, context.nowMs], first, next }, context)
      context.emit(record)
      return
    }
    context.state.put(heldKey(key, next), { held: hold(record) })
    this.#put(key, { passed, first, next: next + 1 }, context)
    context.absorb()
  }

  onDue(stored: string, _kept: Waiting, context: Context): void {
    const key = stored.slice(queuePrefix.length)
    const queue = queueOf(key, context)
    const passed = lately(queue.passed, context.nowMs, this.#limit)
    this.#release(key, { ...queue, passed }, { most: this.#limit.count - passed.length, context })
  }

  onFlush(): void {
    // Each record has a time of its own.
  }

  onEnd(context: Context): null {
    for (const stored of [...context.state.keys()].toSorted()) {
      if (!stored.startsWith(queuePrefix)) continue
      const key = stored.slice(queuePrefix.length)
      this.#release(key, queueOf(key, context), { most: Number.POSITIVE_INFINITY, context })
    }
    return null
  }

  #release(
    key: string,
    { passed, first, next }: Queue,
    { most, context }: { readonly most: number; readonly context: Context },
  ): void {
    const { count } = this.#limit
    const end = Math.min(next, first + most)
    for (let number = first; number < end; number++) {
      const at = heldKey(key, number)
      const kept = context.state.get(at)
      context.state.delete(at)
      if (kept !== undefined && 'held' in kept) context.produce(released(kept.held))
    }
    const gone = Math.min(end - first, count)
    const times = [...passed, ...Array.from({ length: gone }, () => context.nowMs)]
    this.#put(key, { passed: times.slice(-count), first: end, next }, context)
  }

  #put(key: string, queue: Queue, context: Context): void {
    const { passed, first, next } = queue
    if (passed.length === 0 && first === next) return context.state.delete(queuePrefix + key)
    // Where nothing waits it is forgotten then, else one more may pass.
    const fromMs = (first === next ? passed.at(-1) : passed[0]) ?? context.nowMs
    context.state.put(queuePrefix + key, { queue }, fromMs + this.#limit.perMs)
  }
}

function queueOf(key: string, { state }: Context): Queue {
  const kept = state.get(queuePrefix + key)
  return kept !== undefined && 'queue' in kept ? kept.queue : noQueue
}

function heldKey(key: string, number: number): string {
  return `${heldPrefix}${number}|${key}`
}

function encodeWaiting(kept: Waiting): string {
  if ('held' in kept) return heldPrefix + encodeHeld(kept.held)
  const { first, next, passed } = kept.queue
  return `${queuePrefix}${first} ${next} ${passedCodec.encode(passed)}`
}

function decodeWaiting(text: string): Waiting {
  const rest = text.slice(1)
  return text.startsWith(heldPrefix) ? { held: decodeHeld(rest) } : { queue: decodeQueue(rest) }
}

function decodeQueue(text: string): Queue {
  const [first = '', next = '', ...passed] = text.split(' ')
  return {
    first: Number(first),
    next: Number(next),
    passed: passedCodec.decode(passed.join(' ')),
  }
}
