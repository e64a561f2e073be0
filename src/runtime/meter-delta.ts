import { type Activity, activityDelta } from './activity.ts'
import { type HookMeterData, hookSums } from './hook-meter.ts'
import { bucketRangeUs, type HistogramData } from './latency-histogram.ts'
import { type MeterData, meterSums } from './stage-meter.ts'

/** What has come to a meter since it was looked at before; null: all of it is new. */
export function meterDelta(now: MeterData, before: MeterData | null): MeterData {
  if (before === null) return now
  return {
    ...measuredDelta(now, before, meterSums),
    ...(now.age === undefined || before.age === undefined
      ? {}
      : { age: histogramDelta(now.age, before.age) }),
    dispositions: now.dispositions.map((count, index) => count - (before.dispositions[index] ?? 0)),
    failures: countsDelta(now.failures, before.failures),
    drops: countsDelta(now.drops, before.drops),
    skewUs: now.skewed > before.skewed ? now.skewUs : 0,
  }
}

export function hookDelta(now: HookMeterData, before: HookMeterData | null): HookMeterData {
  return before === null ? now : measuredDelta(now, before, hookSums)
}

type Measured<Sum extends string> = Activity &
  Readonly<Record<Sum, number>> & { readonly run: HistogramData; readonly wait: HistogramData }

/** What meters of records and of events have in common. */
function measuredDelta<Sum extends string, Data extends Measured<Sum>>(
  now: Data,
  before: Data,
  sums: readonly Sum[],
): Data {
  return {
    ...now,
    ...Object.fromEntries(sums.map((sum) => [sum, now[sum] - before[sum]])),
    ...activityDelta(now, before),
    run: histogramDelta(now.run, before.run),
    wait: histogramDelta(now.wait, before.wait),
  }
}

/** Whether nothing has happened. */
export function isEmptyDelta({ run, slices, made, dispositions }: MeterData): boolean {
  return run.count === 0 && slices === 0 && made === 0 && dispositions.every((count) => count === 0)
}

function histogramDelta(now: HistogramData, before: HistogramData): HistogramData {
  const counted = new Map(before.buckets)
  const buckets = now.buckets
    .map(([index, count]) => [index, count - (counted.get(index) ?? 0)] as const)
    .filter(([, count]) => count > 0)
  return {
    count: now.count - before.count,
    sumUs: now.sumUs - before.sumUs,
    maxUs: maxOf(now, before, buckets),
    buckets,
  }
}

/** Of the new ones: exactly, where they have raised the maximum; else by their highest bucket. */
function maxOf(
  now: HistogramData,
  before: HistogramData,
  buckets: HistogramData['buckets'],
): number {
  if (now.maxUs > before.maxUs) return now.maxUs
  const highest = buckets.at(-1)
  return highest === undefined ? 0 : Math.min(now.maxUs, bucketRangeUs(highest[0]).highUs)
}

type Counts = readonly (readonly [name: string, count: number])[]

function countsDelta(now: Counts, before: Counts): Counts {
  const counted = new Map(before)
  return now
    .map(([name, count]) => [name, count - (counted.get(name) ?? 0)] as const)
    .filter(([, count]) => count > 0)
}
