import { PipelineError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { manifestOf, parseManifest, type Manifest } from '../topology/manifest.ts'
import { sinkMemory } from '../runtime/sink-writer.ts'
import { taskId, type Topology } from '../topology/topology.ts'

/**
 * `run --fresh`: forgets the topics, positions and state of the pipelines, also those of stages that the
 * files no longer have, and takes back what their sinks are known to have written.
 * @throws PipelineError CONFIG_USAGE when another pipeline reads or writes one of the topics; nothing
 * was changed then. CONFIG_FILE when a file cannot be removed.
 */
export async function resetPipelines(topologies: readonly Topology[], log: Log): Promise<void> {
  const { admin } = log
  const own = await Promise.all(
    topologies.map(async (topology) => {
      const name = nameOf(topology)
      const stored = await admin.loadManifest(name)
      const manifests = [manifestOf(topology), ...(stored === null ? [] : [parseManifest(stored)])]
      return { name, topology, manifests }
    }),
  )
  const topics = [
    ...new Set(own.flatMap(({ manifests }) => manifests.flatMap(({ writes }) => writes))),
  ]
  await assertNobodyElse(topics, new Set(own.map(({ name }) => name)), { admin })
  // Files go first: a crash in between leaves recorded lengths without their files, which is noticed.
  for (const topology of topologies) await resetSinks(topology, log)
  const groups = own.flatMap(({ name, manifests }) =>
    manifests.flatMap((manifest) => groupsOf(name, manifest)),
  )
  await admin.reset({ topics, groups: [...new Set(groups)] })
  await Promise.all(
    own.map(({ name, topology }) =>
      admin.storeManifest(name, JSON.stringify(manifestOf(topology))),
    ),
  )
}

function nameOf({ prefix, pipeline }: Topology): string {
  return `${prefix}${pipeline}`
}

/** As the compiler names them. */
function groupsOf(name: string, { nodes }: Manifest): string[] {
  return Object.keys(nodes).map((id) => `${name}.${id}`)
}

async function assertNobodyElse(
  topics: readonly string[],
  own: ReadonlySet<string>,
  { admin }: Pick<Log, 'admin'>,
): Promise<void> {
  const others = (await admin.manifests()).filter((name) => !own.has(name))
  for (const other of others) {
    const { reads, writes } = parseManifest((await admin.loadManifest(other))!)
    const shared = topics.find((topic) => reads.includes(topic) || writes.includes(topic))
    if (shared === undefined) continue
    const does = reads.includes(shared) ? 'reads' : 'writes'
    throw new PipelineError(
      'CONFIG_USAGE',
      `--fresh would remove the topic "${shared}", which the pipeline "${other}" ${does} too; run both with ` +
        '--fresh in one command, or leave out --fresh',
    )
  }
}

async function resetSinks(topology: Topology, log: Log): Promise<void> {
  for (const node of topology.nodes) {
    const { output, group, tasks } = node
    if (output?.kind !== 'sink') continue
    for (let index = 0; index < tasks; index++) {
      const id = taskId(topology, node, index)
      const task = await log.openTask({ id, group, inputs: [], start: 'earliest' })
      const memory = sinkMemory(await task.restore())
      await task.close()
      await output.definition.reset(output.config, memory)
    }
  }
}
