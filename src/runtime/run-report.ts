import { dispositions, type Disposition } from '../core/operator.ts'
import type { StageRole } from '../topology/topology.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import type { StageMeter } from './stage-meter.ts'

/** What one run did, as data: `run --json` prints it, the summary shows it. All times in ms unless named otherwise. */
export interface RunReport {
  readonly durationMs: number
  readonly pipelines: readonly PipelineReport[]
  /** The processes that were started for it, where it is about several. */
  readonly workers?: readonly WorkerReport[]
}

export interface WorkerReport {
  /** From 1 on. */
  readonly worker: number
  /** How often it was started. */
  readonly starts: number
  /** How it is, or how it ended last. */
  readonly state: 'running' | 'ended' | 'failed' | 'lost'
}

export interface PipelineReport {
  readonly pipeline: string
  readonly outcome: PipelineOutcome
  readonly error: { readonly code: string; readonly message: string } | null
  readonly stages: readonly StageReport[]
  /** The stage that the others wait for; null where nothing was done. */
  readonly bottleneck: { readonly stage: string; readonly sentence: string } | null
}

export type PipelineOutcome = 'running' | 'completed' | 'stopped' | 'failed'

export interface StageReport {
  readonly stage: string
  readonly role: StageRole
  readonly phase: string
  /** How many tasks the stage has, wherever they run. */
  readonly tasks: number
  /** Ids of those that the report is about: they ran here, all the time or for some of it. */
  readonly tasksRun: readonly string[]
  /** Records taken in. */
  readonly n: number
  /** Processing time of one record. */
  readonly t: Distribution
  /** T = n * t: total processing time. */
  readonly T: number
  /** Waiting time of one record: queue, batch, back-off and commit. */
  readonly s: Distribution
  /** D = s * n: total waiting time. */
  readonly D: number
  /** The parts of D. */
  readonly waiting: {
    readonly queue: number
    readonly batch: number
    readonly backoff: number
    readonly commit: number
  }
  /** Records per second of the stage's active time (first to last commit), and what it could do while busy. */
  readonly rate: number
  readonly serviceRate: number
  /** Share of the run, in all processes together, that the stage was at work, 0 to 1. */
  readonly utilisation: number
  readonly dispositions: Readonly<Record<Disposition, number>>
  /** Records dropped by step, dead-lettered or skipped by error code. */
  readonly reasons: Readonly<Record<string, number>>
  /** Results that steps made: windows closed, totals emitted. */
  readonly made: number
  readonly madeDeadLettered: number
  readonly lag: number
  readonly clockSkewSuspected: boolean
}

export interface Distribution {
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

export interface MeteredPart {
  readonly phase: string
  readonly role: StageRole
  readonly tasks: number
  readonly tasksRun: readonly string[]
  readonly meter: StageMeter
  readonly lag: number
}

export interface ReportTime {
  readonly durationMs: number
  /** How many processes spent it. */
  readonly processes?: number
}

/** @param parts of all stages, upstream first, those of one stage by its name. */
export function pipelineReport(
  what: Pick<PipelineReport, 'pipeline' | 'outcome' | 'error'>,
  parts: readonly (MeteredPart & { readonly stage: string })[],
  time: ReportTime,
): PipelineReport {
  const { pipeline, outcome, error } = what
  const stages = [...new Set(parts.map(({ stage }) => stage))].map((stage) =>
    stageReport(
      stage,
      parts.filter((part) => part.stage === stage),
      time,
    ),
  )
  return { pipeline, outcome, error, stages, bottleneck: bottleneckOf(stages) }
}

/** Merges the parts of one stage, upstream first, into what the user knows as the stage. */
export function stageReport(
  stage: string,
  parts: readonly MeteredPart[],
  { durationMs, processes = 1 }: ReportTime,
): StageReport {
  const [first] = parts
  const meters = parts.map(({ meter }) => meter)
  const run = merged(meters.map((meter) => meter.run))
  const wait = merged(meters.map((meter) => meter.wait))
  const n = first!.meter.run.count
  const T = run.sumUs / 1_000
  const D = wait.sumUs / 1_000
  const activeMs = activeTimeMs(meters, durationMs)
  return {
    stage,
    role: mainRole(parts),
    phase: parts.at(-1)!.phase,
    tasks: sumOf(parts, ({ tasks }) => tasks),
    tasksRun: parts.flatMap(({ tasksRun }) => tasksRun),
    n,
    t: distribution(run, n),
    T,
    s: distribution(wait, n),
    D,
    waiting: {
      queue: sumOf(meters, (meter) => meter.queueUs) / 1_000,
      batch: sumOf(meters, (meter) => meter.batchUs) / 1_000,
      backoff: sumOf(meters, (meter) => meter.backoffUs) / 1_000,
      commit: sumOf(meters, (meter) => meter.commitUs) / 1_000,
    },
    rate: activeMs === 0 ? 0 : (1_000 * n) / activeMs,
    serviceRate: T === 0 ? 0 : (1_000 * n) / T,
    utilisation: durationMs === 0 ? 0 : Math.min(1, T / durationMs / processes),
    dispositions: mergedDispositions(meters),
    reasons: mergedReasons(meters),
    made: sumOf(meters, (meter) => meter.made),
    madeDeadLettered: sumOf(meters, (meter) => meter.madeDeadLettered),
    lag: sumOf(parts, ({ lag }) => lag),
    clockSkewSuspected: meters.some((meter) => meter.skewed > 0),
  }
}

/**
 * The bottleneck is the stage that was at work for the largest share of the run: others wait for it,
 * or for the processor that it uses.
 */
export function bottleneckOf(stages: readonly StageReport[]): PipelineReport['bottleneck'] {
  const busiest = stages.toSorted((a, b) => b.T - a.T)[0]
  if (busiest === undefined || busiest.n === 0) return null
  const percent = Math.round(100 * busiest.utilisation)
  const total = stages.reduce((sum, { T }) => sum + T, 0)
  const share = Math.round((100 * busiest.T) / total)
  return {
    stage: busiest.stage,
    sentence:
      `${busiest.stage} is the bottleneck: at work for ${percent} % of the run, ` +
      `${share} % of all processing time; it can do ${Math.round(busiest.serviceRate)} records/s`,
  }
}

function merged(histograms: readonly LatencyHistogram[]): LatencyHistogram {
  const [only] = histograms
  if (histograms.length === 1) return only!
  const all = new LatencyHistogram()
  for (const histogram of histograms) all.addAll(histogram)
  return all
}

/** @param n records of the stage, over which the parts of a stage that was cut are one. */
function distribution(histogram: LatencyHistogram, n: number): Distribution {
  return {
    mean: n === 0 ? 0 : histogram.sumUs / n / 1_000,
    p50: histogram.quantileUs(0.5) / 1_000,
    p95: histogram.quantileUs(0.95) / 1_000,
    p99: histogram.quantileUs(0.99) / 1_000,
    max: histogram.maxUs / 1_000,
  }
}

function activeTimeMs(meters: readonly StageMeter[], durationMs: number): number {
  const first = Math.min(...meters.map(({ firstUs }) => firstUs).filter((us) => !Number.isNaN(us)))
  const last = Math.max(...meters.map(({ lastUs }) => lastUs).filter((us) => !Number.isNaN(us)))
  // A stage that needed a single commit was active for the run, as far as anyone can tell.
  return last > first ? (last - first) / 1_000 : durationMs
}

function mainRole(parts: readonly MeteredPart[]): StageRole {
  const roles = parts.map(({ role }) => role)
  return roles.find((role) => role === 'analysis') ?? roles[0]!
}

/**
 * Every input of the stage once. What one part handed on to the next becomes whatever the next made of
 * it: as many of its dispositions, strongest first, as records were handed on. The others are of results
 * that steps made, or of the pieces of a record that was split.
 */
function mergedDispositions(meters: readonly StageMeter[]): StageReport['dispositions'] {
  const totals = meters.reduceRight<number[]>((later, meter, index) => {
    const own = [...meter.dispositions]
    if (index === meters.length - 1) return own
    let left = own[emittedIndex]!
    own[emittedIndex] = 0
    for (const [strength, count] of later.entries()) {
      const taken = Math.min(left, count)
      own[strength]! += taken
      left -= taken
    }
    return own
  }, [])
  return Object.fromEntries(dispositions.map((name, index) => [name, totals[index]!])) as Record<
    Disposition,
    number
  >
}

const emittedIndex = dispositions.indexOf('emitted')

function mergedReasons(meters: readonly StageMeter[]): Record<string, number> {
  const reasons: Record<string, number> = {}
  for (const meter of meters) {
    for (const [reason, count] of [...meter.drops, ...meter.failures]) {
      reasons[reason] = (reasons[reason] ?? 0) + count
    }
  }
  return reasons
}

function sumOf<Item>(items: readonly Item[], numberOf: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + numberOf(item), 0)
}
