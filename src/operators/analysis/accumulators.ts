import { copyJson } from '../../core/copy-json.ts'
import { invariant } from '../../core/errors.ts'
import type { AggregateCall, AggregateFunction } from '../../core/expression.ts'
import type { JsonValue } from '../../core/json.ts'
import { DistinctCount } from './distinct-count.ts'
import { ExactSum, savedNumber } from './exact-sum.ts'
import { canonicalJson } from './plain-json.ts'
import { QuantileSketch } from './quantile-sketch.ts'
import { TopValues } from './top-values.ts'

/** What one call of an aggregate function has gathered in one group. */
export interface Accumulator {
  /** @param value never null, and of a type that the function takes: the projection has seen to it. */
  add(value: JsonValue, eventTimeMs: number): void
  /** null where there was no value; shares nothing that changes with the accumulator. */
  result(): JsonValue
  /** The whole of it; valid until the next `add`. */
  save(): JsonValue
}

type Parameters = AggregateCall['parameters']

export function newAccumulator(call: AggregateCall): Accumulator {
  return factories[call.function].create(call.parameters)
}

/** @throws anything when `saved` did not come from `save` of the same call. */
export function loadAccumulator(call: AggregateCall, saved: JsonValue | undefined): Accumulator {
  return factories[call.function].load(saved, call.parameters)
}

class Count implements Accumulator {
  #count: number

  constructor(count: number) {
    this.#count = count
  }

  add(value: JsonValue): void {
    if (value === true) this.#count += 1
  }

  result(): JsonValue {
    return this.#count
  }

  save(): JsonValue {
    return this.#count
  }
}

class Sum implements Accumulator {
  readonly #sum: ExactSum
  #count: number

  constructor(sum: ExactSum, count: number) {
    this.#sum = sum
    this.#count = count
  }

  add(value: JsonValue): void {
    this.#sum.add(value as number)
    this.#count += 1
  }

  result(): JsonValue {
    return this.#count === 0 ? null : this.#sum.toJson()
  }

  save(): JsonValue {
    return [this.#count, this.#sum.save()]
  }
}

class Average implements Accumulator {
  readonly #sum: ExactSum
  #count: number

  constructor(sum: ExactSum, count: number) {
    this.#sum = sum
    this.#count = count
  }

  add(value: JsonValue): void {
    this.#sum.add(value as number)
    this.#count += 1
  }

  result(): JsonValue {
    return this.#count === 0 ? null : this.#sum.toNumber() / this.#count
  }

  save(): JsonValue {
    return [this.#count, this.#sum.save()]
  }
}

/** Of numbers and texts in one group, numbers come first, so that the order of arrival never matters. */
class Extreme implements Accumulator {
  readonly #isMax: boolean
  #value: number | string | null

  constructor(isMax: boolean, value: number | string | null) {
    this.#isMax = isMax
    this.#value = value
  }

  add(value: JsonValue): void {
    const next = value as number | string
    if (this.#value === null || isBefore(this.#value, next) === this.#isMax) this.#value = next
  }

  result(): JsonValue {
    return this.#value
  }

  save(): JsonValue {
    return this.#value
  }
}

function isBefore(left: number | string, right: number | string): boolean {
  if (typeof left === typeof right) return left < right
  return typeof left === 'number'
}

/** By event time; of equal times `first` keeps the earlier arrival and `last` takes the later. */
class Edge implements Accumulator {
  readonly #isLast: boolean
  #value: JsonValue
  #timeMs: number

  constructor(isLast: boolean, value: JsonValue, timeMs: number) {
    this.#isLast = isLast
    this.#value = value
    this.#timeMs = timeMs
  }

  add(value: JsonValue, eventTimeMs: number): void {
    const isCloser = this.#isLast ? !(eventTimeMs < this.#timeMs) : eventTimeMs < this.#timeMs
    if (this.#value !== null && !isCloser) return
    this.#value = value
    this.#timeMs = eventTimeMs
  }

  result(): JsonValue {
    return copyJson(this.#value)
  }

  save(): JsonValue {
    return [this.#value, this.#timeMs]
  }
}

class Distinct implements Accumulator {
  readonly #values: DistinctCount

  constructor(values: DistinctCount) {
    this.#values = values
  }

  add(value: JsonValue): void {
    this.#values.add(canonicalJson(value))
  }

  result(): JsonValue {
    return this.#values.count()
  }

  save(): JsonValue {
    return this.#values.save()
  }
}

class Percentile implements Accumulator {
  readonly #percent: number
  readonly #sketch: QuantileSketch

  constructor(percent: number, sketch: QuantileSketch) {
    this.#percent = percent
    this.#sketch = sketch
  }

  add(value: JsonValue): void {
    this.#sketch.add(value as number)
  }

  result(): JsonValue {
    return this.#sketch.percentile(this.#percent)
  }

  save(): JsonValue {
    return this.#sketch.save()
  }
}

class TopK implements Accumulator {
  readonly #k: number
  readonly #values: TopValues

  constructor(k: number, values: TopValues) {
    this.#k = k
    this.#values = values
  }

  add(value: JsonValue): void {
    this.#values.add(value)
  }

  result(): JsonValue {
    return this.#values.top(this.#k)
  }

  save(): JsonValue {
    return this.#values.save()
  }
}

interface Factory {
  create(parameters: Parameters): Accumulator
  load(saved: JsonValue | undefined, parameters: Parameters): Accumulator
}

const factories: Readonly<Record<AggregateFunction, Factory>> = {
  count: { create: () => new Count(0), load: (saved) => new Count(savedNumber(saved)) },
  sum: {
    create: () => new Sum(new ExactSum(), 0),
    load: (saved) => new Sum(...loadSum(saved)),
  },
  avg: {
    create: () => new Average(new ExactSum(), 0),
    load: (saved) => new Average(...loadSum(saved)),
  },
  min: extreme(false),
  max: extreme(true),
  first: edge(false),
  last: edge(true),
  distinct: {
    create: () => new Distinct(new DistinctCount()),
    load: (saved) => new Distinct(DistinctCount.load(saved)),
  },
  percentile: {
    create: ([percent]) => new Percentile(percent!, new QuantileSketch()),
    load: (saved, [percent]) => new Percentile(percent!, QuantileSketch.load(saved)),
  },
  top_k: {
    create: ([k]) => new TopK(k!, new TopValues()),
    load: (saved, [k]) => new TopK(k!, TopValues.load(saved)),
  },
}

function loadSum(saved: JsonValue | undefined): [ExactSum, number] {
  invariant(Array.isArray(saved), 'a saved sum is a pair')
  return [ExactSum.load(saved[1]), savedNumber(saved[0])]
}

function extreme(isMax: boolean): Factory {
  return {
    create: () => new Extreme(isMax, null),
    load(saved) {
      const isValue = saved === null || typeof saved === 'number' || typeof saved === 'string'
      invariant(isValue, 'a saved extreme is a number or a text')
      return new Extreme(isMax, saved)
    },
  }
}

function edge(isLast: boolean): Factory {
  return {
    create: () => new Edge(isLast, null, Number.NaN),
    load(saved) {
      invariant(Array.isArray(saved) && saved.length === 2, 'a saved edge is a pair')
      // JSON has no NaN, which stands for a time that is not known.
      return new Edge(isLast, saved[0]!, saved[1] === null ? Number.NaN : savedNumber(saved[1]))
    },
  }
}
