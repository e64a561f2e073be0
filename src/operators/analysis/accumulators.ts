import { copyJson } from '../../core/copy-json.ts'
import { Decimal } from '../../core/decimal.ts'
import { invariant } from '../../core/errors.ts'
import type { AggregateCall, AggregateFunction } from '../../core/expression.ts'
import type { JsonValue } from '../../core/json.ts'
import { DistinctCount } from './distinct-count.ts'
import type { Accumulator } from './accumulator.ts'
import { savedNumber } from './exact-sum.ts'
import { canonicalJson } from './plain-json.ts'
import { QuantileSketch } from './quantile-sketch.ts'
import { Average, Sum } from './sums.ts'
import { taggedDecimal, untaggedDecimal } from './tagged-decimal.ts'
import { TopValues } from './top-values.ts'

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

type Ordered = number | string | Decimal

/** Of numbers and texts in one group, numbers come first, so that the order of arrival never matters. */
class Extreme implements Accumulator {
  readonly #isMax: boolean
  #value: Ordered | null

  constructor(isMax: boolean, value: Ordered | null) {
    this.#isMax = isMax
    this.#value = value
  }

  add(value: JsonValue): void {
    const next = untaggedDecimal(value) ?? (value as number | string)
    if (this.#value === null || isBefore(this.#value, next) === this.#isMax) this.#value = next
  }

  result(): JsonValue {
    return this.#value
  }

  save(): JsonValue {
    return this.#value instanceof Decimal ? taggedDecimal(this.#value) : this.#value
  }
}

function isBefore(left: Ordered, right: Ordered): boolean {
  if (left instanceof Decimal || right instanceof Decimal) return isDecimalBefore(left, right)
  if (typeof left === typeof right) return left < right
  return typeof left === 'number'
}

/** Equal ones, as 1.5 and the number 1.5, by their texts: which one stays is not up to the order of arrival. */
function isDecimalBefore(left: Ordered, right: Ordered): boolean {
  if (typeof left === 'string' || typeof right === 'string') return typeof right === 'string'
  const a = left instanceof Decimal ? left : Decimal.fromNumber(left)
  const b = right instanceof Decimal ? right : Decimal.fromNumber(right)
  // A number that has too many digits to be written out is far away, or next to zero.
  if (a === null || b === null) return Number(left) < Number(right)
  const order = Decimal.compare(a, b)
  return order === 0
    ? `${typeof left}${String(left)}` < `${typeof right}${String(right)}`
    : order < 0
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
  sum: { create: () => new Sum(), load: (saved) => Sum.load(saved) },
  avg: { create: () => new Average(), load: (saved) => Average.load(saved) },
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

function extreme(isMax: boolean): Factory {
  return {
    create: () => new Extreme(isMax, null),
    load(saved) {
      const decimal = untaggedDecimal(saved)
      if (decimal !== null) return new Extreme(isMax, decimal)
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
