import { LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js'
import { invariant } from '../../core/errors.ts'
import { isJsonObject, type JsonValue } from '../../core/json.ts'
import { savedNumber } from './exact-sum.ts'

/** Up to so many values are kept as they are: a small group is exact, and smaller than a sketch. */
const maxExactValues = 64
const relativeAccuracy = 0.01
/**
 * Bins per sign: some 17 powers of ten between the smallest and the largest magnitude. Beyond, the
 * magnitudes next to zero lose their accuracy, not the large ones.
 */
const maxBins = 2_048

type Sketch = LogCollapsingLowestDenseDDSketch
type Store = Sketch['store']

/**
 * Percentiles by nearest rank: the smallest value that at least `percent` % of the values do not
 * exceed. Exact for small groups, and for the smallest and largest value; else within 1 % of it.
 */
export class QuantileSketch {
  #exact: number[] = []
  #sketch: Sketch | null = null

  /** @param value finite. */
  add(value: number): void {
    if (this.#sketch !== null) this.#sketch.accept(value)
    else {
      this.#exact.push(value)
      if (this.#exact.length > maxExactValues) this.#startSketch()
    }
  }

  /** null when there is no value. */
  percentile(percent: number): number | null {
    const count = this.#sketch?.count ?? this.#exact.length
    if (count === 0) return null
    const share = (percent / 100) * count
    // 99.9 % of 1,000 are 999, whatever the last bits of the product say.
    const rank = Math.min(count, Math.max(1, Math.ceil(share - share * 1e-12)))
    if (this.#sketch === null) return this.#exact.toSorted((a, b) => a - b)[rank - 1]! + 0
    return valueAt(this.#sketch, rank)
  }

  save(): JsonValue {
    if (this.#sketch === null) return this.#exact
    const { zeroCount, min, max, store, negativeStore } = this.#sketch
    return { zeroCount, min, max, positive: savedBins(store), negative: savedBins(negativeStore) }
  }

  static load(saved: JsonValue | undefined): QuantileSketch {
    const loaded = new QuantileSketch()
    if (Array.isArray(saved)) {
      loaded.#exact = saved.map(savedNumber)
      return loaded
    }
    invariant(isJsonObject(saved), 'a saved sketch is a list of values or an object')
    const sketch = newSketch()
    loadBins(sketch.store, saved['positive'])
    loadBins(sketch.negativeStore, saved['negative'])
    sketch.zeroCount = savedNumber(saved['zeroCount'])
    sketch.min = savedNumber(saved['min'])
    sketch.max = savedNumber(saved['max'])
    sketch.count = sketch.zeroCount + sketch.store.count + sketch.negativeStore.count
    loaded.#sketch = sketch
    return loaded
  }

  #startSketch(): void {
    this.#sketch = newSketch()
    for (const value of this.#exact) this.#sketch.accept(value)
    this.#exact = []
  }
}

function newSketch(): Sketch {
  return new LogCollapsingLowestDenseDDSketch({ relativeAccuracy, binLimit: maxBins })
}

/** @param rank 1 for the smallest value. */
function valueAt(sketch: Sketch, rank: number): number {
  if (rank === 1) return sketch.min + 0
  if (rank === sketch.count) return sketch.max + 0
  // The library floors quantile * (count - 1): half a rank more is safe from rounding.
  const value = sketch.getValueAtQuantile((rank - 0.5) / (sketch.count - 1))
  return Math.min(sketch.max, Math.max(sketch.min, value)) + 0
}

/** Keys and counts by turns, highest key first: the order in which `loadBins` never collapses one. */
function savedBins(store: Store): JsonValue {
  const saved: number[] = []
  for (let index = store.bins.length - 1; index >= 0; index--) {
    const count = store.bins[index]!
    if (count > 0) saved.push(index + store.offset, count)
  }
  return saved
}

function loadBins(store: Store, saved: JsonValue | undefined): void {
  invariant(Array.isArray(saved), 'saved bins are a list')
  for (let index = 0; index < saved.length; index += 2) {
    store.add(savedNumber(saved[index]), savedNumber(saved[index + 1]))
  }
}
