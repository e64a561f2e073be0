import type { PipelineReport, RunReport, StageReport } from '../../src/runtime/run-report.ts'

const nothing = { mean: 0, p50: 0, p95: 0, p99: 0, max: 0 }
const unknown = { predicted: null, measured: null, residualPercent: null }
const noPrediction = { serviceTime: null, ahead: null, wait: unknown, backlog: unknown, notes: [] }
const noDispositions = {
  dead_lettered: 0,
  emitted: 0,
  absorbed: 0,
  late: 0,
  deduplicated: 0,
  filtered: 0,
  skipped: 0,
}

export function aStageReport(changes: Partial<StageReport> = {}): StageReport {
  return {
    stage: 'clean',
    role: 'cleaning',
    phase: 'ended',
    tasks: 1,
    tasksRun: ['orders.clean/0'],
    n: 0,
    t: nothing,
    T: 0,
    s: nothing,
    D: 0,
    waiting: { queue: 0, batch: 0, backoff: 0, commit: 0 },
    commitInQueue: false,
    called: 0,
    standing: { sink: 0, pauses: 0, commits: 0, committing: 0 },
    rate: 0,
    arrivalRate: 0,
    serviceRate: 0,
    utilisation: 0,
    busyShare: 0,
    prediction: noPrediction,
    reasons: {},
    made: 0,
    madeDeadLettered: 0,
    lag: 0,
    clockSkewSuspected: false,
    clockSkew: { records: 0, max: 0 },
    hooks: [],
    ...changes,
    dispositions: { ...noDispositions, ...changes.dispositions },
  }
}

export function aRunReport(
  stages: readonly StageReport[],
  changes: Partial<PipelineReport> = {},
): RunReport {
  const pipeline: PipelineReport = {
    pipeline: 'orders',
    outcome: 'completed',
    error: null,
    stages,
    bottleneck: null,
    ...changes,
  }
  return { durationMs: 2_345, pipelines: [pipeline] }
}
