import { mergedReports, type NodePart, type PipelinePart } from './run-part.ts'
import type { PipelineReport } from './run-report.ts'
import type { NodeTimings } from './timings-record.ts'

/** A report made of the history: of what time, and by whom. */
export interface HistoryReport {
  readonly report: PipelineReport
  /** What the numbers are about, epoch µs. */
  readonly fromUs: number
  readonly toUs: number
  /** Of it, the time in which the pipeline ran, ms. */
  readonly durationMs: number
  /** Processes that told of it, one after the other or together. */
  readonly workers: number
}

interface Span {
  readonly fromUs: number
  readonly toUs: number
}

/** A process that has said nothing for so long is gone, whatever it said last. */
const silentUs = 150e6

/** One report of each pipeline, over all processes and restarts. */
export function mergeTimings(all: readonly NodeTimings[], nowUs: number): HistoryReport[] {
  return [...Map.groupBy(all, ({ pipeline }) => pipeline).values()].map((own) =>
    mergeOne(own, nowUs),
  )
}

function mergeOne(own: readonly NodeTimings[], nowUs: number): HistoryReport {
  const ordered = own.toSorted((a, b) => a.order - b.order || a.toUs - b.toUs)
  const last = new Map<string, NodeTimings>()
  for (const timings of ordered) {
    const place = placeOf(timings)
    if ((last.get(place)?.toUs ?? Number.NEGATIVE_INFINITY) <= timings.toUs)
      last.set(place, timings)
  }
  const toUs = Math.max(...own.map((timings) => timings.toUs))
  const parts = ordered.map((timings) => partOf(timings, last.get(placeOf(timings)) === timings))
  const workers = Map.groupBy(own, ({ worker }) => worker)
  const spentUs = [...workers.values()].reduce((sum, spans) => sum + lengthOf(spans), 0)
  const coveredUs = lengthOf(own)
  const time = {
    durationMs: coveredUs / 1_000,
    processes: coveredUs === 0 ? 1 : Math.max(1, spentUs / coveredUs),
    activeMs: activeTimes(own),
  }
  const [report] = mergedReports(
    parts.map((part) => [part]),
    time,
  )
  return {
    report: { ...report!, outcome: outcomeOf([...last.values()], { toUs, nowUs }) },
    fromUs: Math.min(...own.map(({ fromUs }) => fromUs)),
    toUs,
    durationMs: time.durationMs,
    workers: workers.size,
  }
}

function placeOf({ worker, node }: NodeTimings): string {
  return `${worker} ${node.id}`
}

/** What waits, and how it goes, is what was said last. */
function partOf({ pipeline, node, hooks }: NodeTimings, isLast: boolean): PipelinePart {
  const now: NodePart = isLast ? node : { ...node, lag: 0, phase: 'elsewhere' }
  return {
    pipeline,
    outcome: 'stopped',
    error: null,
    nodes: [now],
    hooks: hooks.map((meter) => ({ stage: node.stage, meter })),
  }
}

/** Of those that spoke at the end: a run that was over before has been followed by another one. */
function outcomeOf(
  last: readonly NodeTimings[],
  { toUs, nowUs }: { readonly toUs: number; readonly nowUs: number },
): PipelineReport['outcome'] {
  const found = last
    .filter((timings) => timings.toUs > toUs - silentUs)
    .map(({ outcome }) => (outcome === 'running' && nowUs - toUs > silentUs ? 'stopped' : outcome))
  const order = ['running', 'failed', 'completed', 'stopped'] as const
  return order.find((outcome) => found.includes(outcome)) ?? 'stopped'
}

function activeTimes(own: readonly NodeTimings[]): ReadonlyMap<string, number> {
  const stages = Map.groupBy(own, ({ node }) => node.stage)
  return new Map(
    [...stages].map(([stage, timings]) => {
      const spans = timings.map(({ node: { meter } }) => ({
        fromUs: meter.firstUs,
        toUs: meter.lastUs,
      }))
      const activeUs = lengthOf(spans.filter(({ fromUs }) => !Number.isNaN(fromUs)))
      return [stage, (activeUs > 0 ? activeUs : lengthOf(timings)) / 1_000]
    }),
  )
}

/** Of all spans together, where several lie over each other once, µs. */
function lengthOf(spans: readonly Span[]): number {
  let length = 0
  let end = Number.NEGATIVE_INFINITY
  for (const { fromUs, toUs } of spans.toSorted((a, b) => a.fromUs - b.fromUs)) {
    length += Math.max(0, toUs - Math.max(fromUs, end))
    end = Math.max(end, toUs)
  }
  return length
}
