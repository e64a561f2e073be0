import { PipelineError } from '../core/errors.ts'
import type { LogAdmin } from '../core/log.ts'
import { topicsReadBy, topicsWrittenBy } from '../topology/order-nodes.ts'
import type { Topology } from '../topology/topology.ts'
import type { LogOptions } from './choose-log.ts'
import type { CliEnvironment } from './cli-environment.ts'
import { isError, loadTopologies, type KnownTopics, type PipelineFile } from './load-topologies.ts'

interface DescribesTopics {
  readonly admin: Pick<LogAdmin, 'describeTopics'>
}

export interface FittedTopologies {
  readonly topologies: readonly Topology[]
  /** The settings that they took over. */
  readonly stored: KnownTopics
}

/**
 * Topics that other pipelines made, in other runs, keep their settings for those that only read them:
 * where there are such topics, the files are compiled once more.
 * @throws PipelineError when a file was changed in the meantime and is wrong now.
 */
export async function fitStoredTopics(
  files: readonly PipelineFile[],
  log: DescribesTopics,
  { environment, options }: { environment: CliEnvironment; options: Pick<LogOptions, 'log'> },
): Promise<FittedTopologies> {
  const topologies = files.map(({ topology }) => topology)
  const nodes = topologies.flatMap((topology) => topology.nodes)
  const written = new Set(nodes.flatMap(topicsWrittenBy))
  const foreign = new Set(nodes.flatMap(topicsReadBy).filter((topic) => !written.has(topic)))
  if (foreign.size === 0) return { topologies, stored: new Map() }
  const stored = await storedSettings(log, foreign)
  if (stored.size === 0) return { topologies, stored }
  const paths = files.map(({ absolute }) => absolute)
  const { files: fitted, diagnostics } = loadTopologies(paths, environment, {
    log: options.log,
    stored,
  })
  const problem = diagnostics.find(isError)
  if (problem === undefined) return { topologies: fitted.map(({ topology }) => topology), stored }
  const { file, code, message } = problem
  throw new PipelineError(code, `${file} changed while the run was starting: ${message}`)
}

async function storedSettings(
  { admin }: DescribesTopics,
  names: ReadonlySet<string>,
): Promise<KnownTopics> {
  const topics = await admin.describeTopics([...names])
  return new Map(
    topics.map(({ name, partitions, retentionMs, cleanup = 'delete', replication = null }) => {
      return [name, { partitions, retentionMs, cleanup, replication }] as const
    }),
  )
}
