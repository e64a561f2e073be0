import type { ReportTime } from './distribution.ts'
import { showPercent } from './report-text.ts'

/** What holds the pipeline up; those that wait for it are its victims and not named. */
export interface Bottleneck {
  /** The stage whose steps or sink it is; null where it is none. */
  readonly stage: string | null
  /** `steps`, `calls`, `sink` and `peer` of the stage; commits of the `log`; or the `input`, which brings no more. */
  readonly cause: 'steps' | 'calls' | 'sink' | 'peer' | 'log' | 'input'
  readonly sentence: string
}

/** From here on there is hardly a moment in which nothing waits. */
const saturatedShare = 0.6
/** With so much work the processor is what commits wait for too. */
const workingShare = 0.5
/** A stage with so much of all waiting is worth a word. */
const victimShare = 0.5

/** What it takes of a stage's report. */
export interface StageLoad {
  readonly stage: string
  readonly n: number
  readonly T: number
  /** The part of `T` in calls that wait for something outside, many at the same time. */
  readonly called?: number
  readonly D: number
  readonly standing: {
    /** Slices that waited for their calls; absent where no step waits. */
    readonly calls?: number
    readonly sink: number
    readonly pauses: number
    readonly commits: number
    readonly committing: number
  }
  readonly busyShare: number
  readonly arrivalRate: number
  readonly tasksRun: readonly string[]
}

interface Candidate {
  readonly stage: StageLoad
  readonly cause: Exclude<Bottleneck['cause'], 'input'>
  /** Of the run, 0 to 1 for a stage with one task. */
  readonly share: number
}

/**
 * What all others wait for. Stages write to topics, so that a slow one never stops the one before it: it
 * uses up the processor, or its own time. What a stage waits for is not its own slowness: its commits are
 * the log's, its sink is the peer's.
 */
export function bottleneckOf(
  stages: readonly StageLoad[],
  { durationMs, processes = 1 }: ReportTime,
): Bottleneck | null {
  const active = stages.filter(({ n }) => n > 0)
  if (active.length === 0) return null
  const workMs = active.reduce((sum, stage) => sum + ownMs(stage), 0)
  const wallMs = durationMs * processes
  const isWorking = workMs >= workingShare * wallMs
  const candidates = active.flatMap((stage) => candidatesOf(stage, { wallMs, isWorking }))
  const worst = candidates.reduce((most, each) => (each.share > most.share ? each : most))
  const isSaturated =
    workMs >= saturatedShare * wallMs ||
    worst.share >= saturatedShare ||
    active.some(({ busyShare }) => busyShare >= saturatedShare)
  const busiest = active.toSorted((left, right) => ownMs(right) - ownMs(left))[0]!
  if (!isSaturated || (workMs === 0 && worst.share === 0)) return idle(busiest)
  const cause = workMs >= worst.share * wallMs ? asSteps(busiest, wallMs) : worst
  const sentence = sentenceOf(cause, { workMs, wallMs })
  const isStage = cause.cause !== 'log'
  return {
    stage: isStage ? cause.stage.stage : null,
    cause: cause.cause,
    sentence: sentence + victimText(active, isStage ? cause.stage : null),
  }
}

function candidatesOf(
  stage: StageLoad,
  { wallMs, isWorking }: { readonly wallMs: number; readonly isWorking: boolean },
): Candidate[] {
  const { calls = 0, sink, pauses, commits, committing } = stage.standing
  // A commit goes on beside the steps of the next slice, and takes longer where the processor is busy.
  const log = isWorking ? commits : commits + committing
  // Tasks stand still side by side; what they work on one after the other is one processor's.
  const shareOf = (ms: number) => ms / wallMs / Math.max(1, stage.tasksRun.length)
  return [
    asSteps(stage, wallMs),
    { stage, cause: 'calls', share: shareOf(calls) },
    { stage, cause: 'sink', share: shareOf(sink) },
    { stage, cause: 'peer', share: shareOf(pauses) },
    { stage, cause: 'log', share: shareOf(log) },
  ]
}

function asSteps(stage: StageLoad, wallMs: number): Candidate {
  return { stage, cause: 'steps', share: ownMs(stage) / wallMs }
}

/** What its steps take of a processor. */
function ownMs({ T, called = 0 }: StageLoad): number {
  return Math.max(0, T - called)
}

function idle(busiest: StageLoad): Bottleneck {
  const { stage, busyShare, arrivalRate } = busiest
  const rate = arrivalRate > 0 ? `, where ${Math.round(arrivalRate)} records/s arrive` : ''
  return {
    stage: null,
    cause: 'input',
    sentence:
      `no stage is the bottleneck: the input brings no more than they can do; the busiest is ${stage}` +
      `${rate}, with records to work on for ${showPercent(busyShare)} of the run`,
  }
}

function sentenceOf(
  { stage, cause, share }: Candidate,
  { workMs, wallMs }: { readonly workMs: number; readonly wallMs: number },
): string {
  const { stage: name, n } = stage
  const T = ownMs(stage)
  switch (cause) {
    case 'steps':
      return (
        `${name} is the bottleneck: at work for ${showPercent(T / wallMs)} of the run, ` +
        `${showPercent(T / workMs)} of all processing time; it can do ${Math.round((1_000 * n) / T)} records/s`
      )
    case 'calls':
      return `${name} is the bottleneck: it waits for what it calls for ${showPercent(share)} of the run; more of these calls at once (\`concurrency\`) or more partitions would help`
    case 'sink':
      return `${name} is the bottleneck: its sink takes ${showPercent(share)} of the run, its steps ${showPercent(T / wallMs)}`
    case 'peer':
      return `${name} is the bottleneck: what it writes to could not be reached or refused it, for ${showPercent(share)} of the run`
    case 'log':
      return (
        `the log is the bottleneck: ${name} stood still for ${showPercent(share)} of the run until its commits ` +
        `had returned, its steps took ${showPercent(T / wallMs)}; a faster disk or broker, or fewer and larger commits, would help`
      )
  }
}

/** The stage with most of the waiting, where it is another one: it looks slow, and is held up. */
function victimText(stages: readonly StageLoad[], cause: StageLoad | null): string {
  const total = stages.reduce((sum, { D }) => sum + D, 0)
  const [most] = stages.toSorted((left, right) => right.D - left.D)
  if (most === undefined || most === cause || cause === null || most.D <= victimShare * total)
    return ''
  return `; ${most.stage} has ${showPercent(most.D / total)} of all waiting because it is held up, not because it is slow`
}
