import { z } from 'zod'
import { hookEvents, type HookEventName } from '../core/hook.ts'
import { dispositions } from '../core/operator.ts'
import { stageRoles } from '../topology/topology.ts'
import { type HookMeterData, hookSums } from './hook-meter.ts'
import type { HistogramData } from './latency-histogram.ts'
import type { NodePart, PipelinePart } from './run-part.ts'
import { type MeterData, meterSums } from './stage-meter.ts'

/** The internal topic of all pipelines of a log: what was measured of each node in some seconds. */
export const timingsTopic = '_millrace.timings'

/** What a process measured of one node from one moment to another. */
export interface NodeTimings {
  /** Of the process: no two have the same. */
  readonly worker: string
  /** When the run began, and what the numbers are about, epoch µs. */
  readonly runUs: number
  readonly fromUs: number
  readonly toUs: number
  readonly pipeline: string
  readonly outcome: PipelinePart['outcome']
  /** Upstream before downstream. */
  readonly order: number
  readonly node: NodePart
  readonly hooks: readonly HookMeterData[]
}

const timingsVersion = 1
/** A name that is longer was written by nobody who keeps the rules. */
const maxNameLength = 300
const maxTasks = 100_000
const maxBuckets = 2_000

const count = z.number().finite().min(0)
const amount = z.number().finite()
/** A sum that an older Millrace did not know. */
const added = amount.default(0)
/** Epoch µs; null where there is none. */
const instant = z.number().finite().nullable()
/** Without what could redraw a terminal, or turn the direction of text. */
const name = z
  .string()
  .max(maxNameLength)
  .regex(/^[^\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]*$/u)

/** Numbers and counts of buckets, one after the other. */
const histogram = z
  .object({ n: count, sum: amount, max: amount, b: z.array(count).max(2 * maxBuckets) })
  .transform(({ n, sum, max, b }): HistogramData => ({
    count: n,
    sumUs: sum,
    maxUs: max,
    buckets: Array.from(
      { length: Math.floor(b.length / 2) },
      (_, at) => [b[2 * at]!, b[2 * at + 1]!] as const,
    ).filter(([index]) => Number.isInteger(index) && index < maxBuckets),
  }))

const spans = {
  firstUs: instant,
  lastUs: instant,
  firstArrivalUs: instant,
  lastArrivalUs: instant,
}

const meter = z.object({
  ...(Object.fromEntries(meterSums.map((sum) => [sum, added])) as Record<
    (typeof meterSums)[number],
    typeof added
  >),
  // Records of before there were such steps lack them.
  callsUs: added.default(0),
  calledUs: added.default(0),
  ...spans,
  skewUs: amount,
  run: histogram,
  wait: histogram,
  dispositions: z.array(count).length(dispositions.length),
  failures: z.array(z.tuple([name, count])).max(1_000),
  drops: z.array(z.tuple([name, count])).max(1_000),
})

const hookMeter = z.object({
  ...(Object.fromEntries(hookSums.map((sum) => [sum, added])) as Record<
    (typeof hookSums)[number],
    typeof added
  >),
  ...spans,
  event: z.enum(Object.keys(hookEvents) as [HookEventName, ...HookEventName[]]),
  listener: name,
  parallel: count,
  run: histogram,
  wait: histogram,
})

const schema = z.object({
  v: z.literal(timingsVersion),
  worker: name,
  run: amount,
  from: amount,
  to: amount,
  pipeline: name,
  outcome: z.enum(['running', 'completed', 'stopped', 'failed']),
  order: count,
  node: name,
  stage: name,
  role: z.enum(stageRoles),
  phase: z.enum(['starting', 'working', 'waiting', 'blocked', 'ended', 'stopped', 'elsewhere']),
  tasks: count,
  task: name,
  tasks_run: z.array(count).max(maxTasks),
  lag: count,
  reads: z.array(name).max(1_000),
  // One name, or none, where there are not several: as all versions have it.
  writes: z.union([name, z.array(name).max(1_000)]).nullable(),
  meter,
  hooks: z.array(hookMeter).max(1_000),
})

/** One line of JSON; times that there are none of as null. */
export function encodeTimings(timings: NodeTimings): string {
  const { node, worker, runUs, fromUs, toUs, pipeline, outcome, order, hooks } = timings
  const { id, stage, role, phase, tasks, tasksRun, lag, reads = [], writes = [] } = node
  const [first = ''] = tasksRun
  const { age: _age, operations: _operations, run, wait, ...sums } = node.meter
  return JSON.stringify({
    v: timingsVersion,
    worker,
    run: runUs,
    from: fromUs,
    to: toUs,
    pipeline,
    outcome,
    order,
    node: id,
    stage,
    role,
    phase,
    tasks,
    task: first.slice(0, first.lastIndexOf('/') + 1),
    tasks_run: tasksRun.map((task) => Number(task.slice(task.lastIndexOf('/') + 1))),
    lag,
    reads,
    writes: writes.length > 1 ? writes : (writes[0] ?? null),
    meter: { ...sums, run: flat(run), wait: flat(wait) },
    hooks: hooks.map((hook) => ({ ...hook, run: flat(hook.run), wait: flat(hook.wait) })),
  })
}

function flat({ count: n, sumUs, maxUs, buckets }: HistogramData) {
  return { n, sum: sumUs, max: maxUs, b: buckets.flat() }
}

/** null where the text is no such record: anyone can write to a topic. */
export function decodeTimings(text: string): NodeTimings | null {
  const parsed = schema.safeParse(parsedOrNull(text))
  if (!parsed.success) return null
  const { worker, run, from, to, pipeline, outcome, order, hooks, ...rest } = parsed.data
  const { node: id, stage, role, phase, tasks, task, tasks_run: indexes, lag } = rest
  if (!(to >= from)) return null
  const node: NodePart = {
    id,
    stage,
    role,
    phase,
    tasks,
    tasksRun: indexes.map((index) => `${task}${index}`),
    lag,
    reads: rest.reads,
    writes: [rest.writes ?? []].flat(),
    meter: known(rest.meter) as MeterData,
  }
  return {
    worker,
    runUs: run,
    fromUs: from,
    toUs: to,
    pipeline,
    outcome,
    order,
    node,
    hooks: hooks.map((hook) => known(hook) as HookMeterData),
  }
}

const instants = ['firstUs', 'lastUs', 'firstArrivalUs', 'lastArrivalUs'] as const

/** With NaN for times that there are none of, as in memory. */
function known<Data extends Record<(typeof instants)[number], number | null>>(data: Data) {
  const times = Object.fromEntries(instants.map((key) => [key, data[key] ?? Number.NaN]))
  return { ...data, ...times }
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
