import { dispositions, type Disposition } from '../core/operator.ts'
import type { StageRole } from '../topology/topology.ts'
import { type Bottleneck, bottleneckOf, type StageLoad } from './bottleneck.ts'
import { distribution, type Distribution, type ReportTime } from './distribution.ts'
import type { HookMeter } from './hook-meter.ts'
import { hookReport, type HookReport } from './hook-report.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import { predict, type Prediction } from './queue-model.ts'
import type { StageMeter } from './stage-meter.ts'
import { arrivalRate, stageQueueFacts } from './stage-queue.ts'

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
  /** What the others wait for; null where nothing was done. */
  readonly bottleneck: Bottleneck | null
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
  /**
   * Whether the log could not tell the queue from the commit before it, as for records of another worker:
   * the means and sums take that commit out, p50, p95 and p99 of `s` do not.
   */
  readonly commitInQueue: boolean
  /** Of `T`: calls of steps that wait for something outside, and the steps up to them; many at the same time. */
  readonly called: number
  /** Standing still, of all slices and tasks: for calls, for the sink, between attempts, for the commit before; and commits. */
  readonly standing: StageLoad['standing']
  /** Records per second of the stage's active time (first to last commit). */
  readonly rate: number
  /** Records per second from the first to the last arrival since the stage began; 0 for a single one. */
  readonly arrivalRate: number
  /** Records per second that it could do while busy. */
  readonly serviceRate: number
  /** Share of the run, in all processes together, that the stage was at work, 0 to 1. */
  readonly utilisation: number
  /** Share of the run, of a task on average, in which there was a record that had not left yet, 0 to 1. */
  readonly busyShare: number
  /** What a queueing model says beside what was measured. */
  readonly prediction: Prediction
  readonly dispositions: Readonly<Record<Disposition, number>>
  /** Records dropped by step, dead-lettered or skipped by error code. */
  readonly reasons: Readonly<Record<string, number>>
  /** Results that steps made: windows closed, totals emitted. */
  readonly made: number
  readonly madeDeadLettered: number
  readonly lag: number
  readonly clockSkewSuspected: boolean
  /** Records that came from a clock ahead of this one, and by how much at most. */
  readonly clockSkew: { readonly records: number; readonly max: number }
  /** The events of its hooks, by event and listener. */
  readonly hooks: readonly HookReport[]
}

export interface MeteredPart {
  readonly phase: string
  readonly role: StageRole
  readonly tasks: number
  readonly tasksRun: readonly string[]
  readonly meter: StageMeter
  readonly lag: number
  /** Topics that it reads, and those that its results go to: by them it is known who wrote what it waits for. */
  readonly reads?: readonly string[]
  readonly writes?: readonly string[]
  /** Of its queues the part that is the commit before as well, µs; see `commitInQueue`. */
  readonly commitTwiceUs?: number
}

export interface MeteredHook {
  readonly stage: string
  readonly meter: HookMeter
}

/** @param parts of all stages, upstream first, those of one stage by its name. */
export function pipelineReport(
  what: Pick<PipelineReport, 'pipeline' | 'outcome' | 'error'>,
  measured: {
    readonly parts: readonly (MeteredPart & { readonly stage: string })[]
    readonly hooks?: readonly MeteredHook[]
  },
  time: ReportTime,
): PipelineReport {
  const { pipeline, outcome, error } = what
  const { hooks = [] } = measured
  const parts = measured.parts.map((part) => ({
    ...part,
    commitTwiceUs: commitTwiceUs(part, measured.parts),
  }))
  const stages = [...new Set(parts.map(({ stage }) => stage))].map((stage) => ({
    ...stageReport(
      stage,
      parts.filter((part) => part.stage === stage),
      time,
    ),
    hooks: hooks.filter((hook) => hook.stage === stage).map(({ meter }) => hookReport(meter, time)),
  }))
  return { pipeline, outcome, error, stages, bottleneck: bottleneckOf(stages, time) }
}

/**
 * Where it is not known when records could first be read, they queue from the end of the steps before on:
 * the commit in between is counted there and here. As many mean commits are taken out here again.
 */
function commitTwiceUs({ meter, reads = [] }: MeteredPart, parts: readonly MeteredPart[]): number {
  if (meter.joined === 0) return 0
  const writers = parts.filter(({ writes = [] }) => writes.some((topic) => reads.includes(topic)))
  const written = sumOf(writers, (writer) => writer.meter.run.count)
  if (written === 0) return 0
  const commitUs = sumOf(writers, (writer) => writer.meter.commitUs) / written
  return Math.min(meter.joined * commitUs, Math.max(0, meter.queueUs))
}

/** Merges the parts of one stage, upstream first, into what the user knows as the stage. */
export function stageReport(
  stage: string,
  parts: readonly MeteredPart[],
  time: ReportTime,
): StageReport {
  const { durationMs, processes = 1 } = time
  const [first] = parts
  const meters = parts.map(({ meter }) => meter)
  const run = merged(meters.map((meter) => meter.run))
  const wait = merged(meters.map((meter) => meter.wait))
  const twiceUs = sumOf(parts, ({ commitTwiceUs: us = 0 }) => us)
  const n = first!.meter.run.count
  const T = run.sumUs / 1_000
  const D = (wait.sumUs - twiceUs) / 1_000
  const msOf = (sum: (meter: StageMeter) => number) => sumOf(meters, sum) / 1_000
  const activeMs = time.activeMs?.get(stage) ?? activeTimeMs(meters, durationMs)
  const tasksRun = parts.flatMap((part) => part.tasksRun)
  const busy = msOf((meter) => meter.busyUs)
  const concurrency = Math.max(1, tasksRun.length)
  const lag = sumOf(parts, (part) => part.lag)
  const skew = Math.max(...meters.map(({ skewUs }) => skewUs)) / 1_000
  return {
    stage,
    role: mainRole(parts),
    phase: parts.at(-1)!.phase,
    tasks: sumOf(parts, ({ tasks }) => tasks),
    tasksRun,
    n,
    t: distribution(run, { n, sumUs: run.sumUs }),
    T,
    called: msOf((meter) => meter.calledUs),
    s: distribution(wait, { n, sumUs: wait.sumUs - twiceUs }),
    D,
    waiting: {
      queue: msOf((meter) => meter.queueUs) - twiceUs / 1_000,
      batch: msOf((meter) => meter.batchUs),
      backoff: msOf((meter) => meter.backoffUs),
      commit: msOf((meter) => meter.commitUs),
    },
    commitInQueue: meters.some(({ joined }) => joined > 0),
    standing: {
      sink: msOf((meter) => meter.sinkUs),
      calls: msOf((meter) => meter.callsUs),
      pauses: msOf((meter) => meter.pausedUs),
      commits: msOf((meter) => meter.blockedUs),
      committing: msOf((meter) => meter.committingUs),
    },
    rate: perSecond(n, activeMs),
    arrivalRate: arrivalRate(first!.meter),
    serviceRate: perSecond(n, busy > 0 ? busy / concurrency : T),
    utilisation: durationMs === 0 ? 0 : Math.min(1, T / durationMs / processes),
    busyShare: durationMs === 0 ? 0 : Math.min(1, busy / durationMs / concurrency),
    prediction: predict(stageQueueFacts(meters, { n, T, D, lag, tasks: tasksRun.length })),
    dispositions: mergedDispositions(meters),
    reasons: mergedReasons(meters),
    made: sumOf(meters, (meter) => meter.made),
    madeDeadLettered: sumOf(meters, (meter) => meter.madeDeadLettered),
    lag,
    clockSkewSuspected: meters.some((meter) => meter.skewed > 0),
    clockSkew: { records: sumOf(meters, (meter) => meter.skewed), max: skew },
    hooks: [],
  }
}

function merged(histograms: readonly LatencyHistogram[]): LatencyHistogram {
  const [only] = histograms
  if (histograms.length === 1) return only!
  const all = new LatencyHistogram()
  for (const histogram of histograms) all.addAll(histogram)
  return all
}

function perSecond(n: number, ms: number): number {
  return ms > 0 ? (1_000 * n) / ms : 0
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
  // Names come from other processes too, by the history.
  const reasons = Object.create(null) as Record<string, number>
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
