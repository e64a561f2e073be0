import { PipelineError } from '../core/errors.ts'
import { incompatibilities, manifestOf, parseManifest } from '../topology/manifest.ts'
import type { Topology } from '../topology/topology.ts'
import { WriterLinks } from './link-topologies.ts'
import { PipelineRun, type RunEnvironment } from './pipeline-run.ts'
import { ProgressBoard } from './progress-board.ts'
import type { RunReport } from './run-report.ts'

/** Pipelines that run together in this process. */
export interface Run {
  readonly runs: readonly PipelineRun[]
  /** Resolves when all pipelines have ended, stopped or failed. */
  readonly done: Promise<void>
  report(): Promise<RunReport>
}

/**
 * Creates what is missing in the log and sets all pipelines to work.
 * @throws PipelineError CONFIG_INCOMPATIBLE before anything is consumed.
 */
export async function startRun(
  topologies: readonly Topology[],
  environment: RunEnvironment,
  signal: AbortSignal,
): Promise<Run> {
  // All are checked before the first changes anything.
  for (const topology of topologies) await assertCompatible(topology, environment)
  for (const topology of topologies) await prepareLog(topology, environment)
  const { clock, follow } = environment
  const shared = { board: new ProgressBoard(), links: new WriterLinks(topologies), signal }
  const startedUs = clock.monotonicUs()
  const runs = topologies.map((topology) => new PipelineRun(topology, environment))
  const ended = Promise.all(runs.map((run) => run.run(shared)))
  const done = follow
    ? ended.then(() => clock.sleep(Number.POSITIVE_INFINITY, signal))
    : ended.then(() => {})
  return {
    runs,
    done,
    report: async () => ({
      durationMs: (clock.monotonicUs() - startedUs) / 1_000,
      pipelines: await Promise.all(runs.map((run) => run.report())),
    }),
  }
}

async function assertCompatible(topology: Topology, { log }: RunEnvironment): Promise<void> {
  const name = fullName(topology)
  const stored = await log.admin.loadManifest(name)
  const problems =
    stored === null ? [] : incompatibilities(parseManifest(stored), manifestOf(topology))
  if (problems.length === 0) return
  throw new PipelineError(
    'CONFIG_INCOMPATIBLE',
    `the pipeline "${name}" no longer fits what is stored: ${problems.join('; ')}. ` +
      'Undo the change, or run it with --fresh to start again from its sources',
  )
}

async function prepareLog(topology: Topology, { log }: RunEnvironment): Promise<void> {
  await log.admin.ensureTopics(topology.topics)
  await log.admin.storeManifest(fullName(topology), JSON.stringify(manifestOf(topology)))
}

function fullName({ prefix, pipeline }: Topology): string {
  return `${prefix}${pipeline}`
}
