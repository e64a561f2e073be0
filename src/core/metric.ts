import type { metricTable } from './metric-table.ts'

export type MetricName = keyof typeof metricTable

export type Attributes = readonly (readonly [name: string, value: string])[]

/** Durations that fell into a range, in µs: from `lowUs` (0: all below) up to, and without, `highUs`. */
export type DurationBucket = readonly [lowUs: number, highUs: number, count: number]

export interface Durations {
  readonly count: number
  readonly sumUs: number
  readonly maxUs: number
  /** Those that are not empty, shortest first. */
  readonly buckets: readonly DurationBucket[]
}

/** A measured record whose trace can be looked at. */
export interface Exemplar {
  readonly traceId: string
  readonly spanId: string
  readonly valueUs: number
  /** When it was measured, epoch µs. */
  readonly timeUs: number
}

/** One value of a metric: a number in its unit, or durations. */
export type MetricPoint =
  | { readonly attributes: Attributes; readonly value: number }
  | {
      readonly attributes: Attributes
      readonly durations: Durations
      readonly exemplars: readonly Exemplar[]
    }

export interface Metric {
  readonly name: MetricName
  readonly points: readonly MetricPoint[]
}
