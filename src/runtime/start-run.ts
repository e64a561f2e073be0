import { PipelineError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { incompatibilities, manifestOf, parseManifest } from '../topology/manifest.ts'
import { onlyStages } from '../topology/only-stages.ts'
import { taskId, type Topology } from '../topology/topology.ts'
import { outsideTask, WriterLinks } from './link-topologies.ts'
import { PipelineRun, type RunEnvironment } from './pipeline-run.ts'
import { ProgressBoard } from './progress-board.ts'
import type { RunPart } from './run-part.ts'
import type { RunReport } from './run-report.ts'

/** Pipelines that run together in this process. */
export interface Run {
  readonly runs: readonly PipelineRun[]
  /** Resolves when all pipelines have ended, stopped or failed. */
  readonly done: Promise<void>
  report(): Promise<RunReport>
  /** The same as data, to be added up with those of other processes. */
  part(): Promise<RunPart>
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
  await prepareLog(topologies, environment)
  const { clock, follow, outsideEnds, notice, only = null } = environment
  const board = new ProgressBoard()
  const links = new WriterLinks(topologies, { outsideEnds: outsideEnds !== null })
  const shared = { board, links, signal }
  void outsideEnds?.then(() => board.end(outsideTask))
  const startedUs = clock.monotonicUs()
  const running = topologies.map((topology) => onlyStages(topology, only))
  endOthers(topologies, { running, links, board })
  const runs = running
    .filter(({ nodes }) => nodes.length > 0)
    .map((topology) => new PipelineRun(topology, environment))
  const ended = Promise.all(
    runs.map(async (run) => {
      if ((await run.run(shared)) === 'completed' || signal.aborted) return
      // What it would have written never comes: who reads it would wait for ever.
      for (const reader of runs.filter(({ topology }) => links.feeds(run.topology, topology))) {
        notice(
          `the pipeline "${reader.topology.pipeline}" stops: it reads what "${run.topology.pipeline}" no longer writes`,
        )
        reader.stop()
      }
    }),
  )
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
    part: () => Promise.all(runs.map((run) => run.part())),
  }
}

/** Stages that do not run have written all that they will write, as far as their input has an end. */
function endOthers(
  topologies: readonly Topology[],
  of: { running: readonly Topology[]; links: WriterLinks; board: ProgressBoard },
): void {
  const { running, links, board } = of
  const nodes = new Set(running.flatMap((topology) => topology.nodes))
  for (const topology of topologies) {
    for (const node of topology.nodes) {
      if (nodes.has(node) || !links.isBounded(node)) continue
      for (let index = 0; index < node.tasks; index++) board.end(taskId(topology, node, index))
    }
  }
}

/**
 * Creates what is missing in the log and remembers what it is made for.
 * @throws PipelineError CONFIG_INCOMPATIBLE; nothing was changed then.
 */
export async function prepareLog(
  topologies: readonly Topology[],
  { log }: Pick<RunEnvironment, 'log'>,
): Promise<void> {
  for (const topology of topologies) await assertCompatible(topology, log)
  for (const topology of topologies) {
    await log.admin.ensureTopics(topology.topics)
    await log.admin.storeManifest(fullName(topology), JSON.stringify(manifestOf(topology)))
  }
}

async function assertCompatible(topology: Topology, { admin }: Log): Promise<void> {
  const name = fullName(topology)
  const stored = await admin.loadManifest(name)
  const problems =
    stored === null ? [] : incompatibilities(parseManifest(stored), manifestOf(topology))
  if (problems.length === 0) return
  throw new PipelineError(
    'CONFIG_INCOMPATIBLE',
    `the pipeline "${name}" no longer fits what is stored: ${problems.join('; ')}. ` +
      'Undo the change, or run it with --fresh to start again from its sources',
  )
}

function fullName({ prefix, pipeline }: Topology): string {
  return `${prefix}${pipeline}`
}
