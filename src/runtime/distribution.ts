import type { LatencyHistogram } from './latency-histogram.ts'

/** Of durations, ms. */
export interface Distribution {
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** @param of what the mean goes over: the records of a stage, over which the parts of one that was cut are one. */
export function distribution(
  histogram: LatencyHistogram,
  of: { readonly n: number; readonly sumUs: number },
): Distribution {
  return {
    mean: of.n === 0 ? 0 : of.sumUs / of.n / 1_000,
    p50: histogram.quantileUs(0.5) / 1_000,
    p95: histogram.quantileUs(0.95) / 1_000,
    p99: histogram.quantileUs(0.99) / 1_000,
    max: histogram.maxUs / 1_000,
  }
}

/** What time a report is about. */
export interface ReportTime {
  readonly durationMs: number
  /** How many processes spent it. */
  readonly processes?: number
  /** By stage, how long it was active, where that is not from its first to its last commit. */
  readonly activeMs?: ReadonlyMap<string, number>
}
